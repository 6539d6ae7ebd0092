"""In-memory ports: state in, state out, every call logged, faults and crashes injected around each.

    fakes = Fakes()                      # everything wired: fakes.world is a ports.World
    fakes.cluster.put_namespace("team-a", projects="acme", opted_in=True)
    fakes.cluster.put(Kind.ACCESS, ObjectKey("team-a", "pull"), {...})
    Simulation(fakes)                    # convergence.simulation: an operator over it
    fakes.calls.before = raise_something # crash before a port call; `after`: it took effect, its reply is lost

The contract tests run the same cases against these and against the real clients.
"""
