"""Desired × observed → plan. Pure: no clock, client or log; time is an argument."""
