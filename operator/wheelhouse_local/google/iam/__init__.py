"""Who calls, and what policies let them do: tokens and their exchange, members, roles, policies."""
