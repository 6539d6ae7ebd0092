"""How requests and replies are transported: gRPC, REST and plain HTTP, with faults on request and a trace."""
