"""How calls come in and answers go out, over gRPC, REST and plain HTTP, with faults on request and a trace."""
