"""Many accesses created at once: the cost of one, compared with a bare client's requests for it."""

import bare
import crowd
import declare
from meter import SWEPT, Sample, Traffic, resident, settled
from report import Report, Row

WITH_SECRETS, REPOSITORIES = 2000, 200
GRANTS = 1000
WRITES = ("create", "patch", "update", "delete")


def secrets(size: float) -> Report:
    """Accesses with Secrets on many repositories; size 1 is the full number."""
    teams = crowd.Teams("team", max(10, int(WITH_SECRETS * size)), max(1, int(REPOSITORIES * size)), secrets=True)
    about = (
        f"{teams.accesses} accesses with Secrets on {teams.repositories} repositories, created at once, each with a "
        "ServiceAccount of its own."
    )
    return Report("Accesses with Secrets", f"{about}\n{BARE}", serve(teams))


def grants(size: float) -> Report:
    """Accesses without Secrets on one repository: one IAM policy for all of them."""
    teams = crowd.Teams("team", max(10, int(GRANTS * size)), 1, secrets=False)
    about = f"{teams.accesses} accesses without Secrets on one repository, created at once."
    return Report("Grants on one repository", f"{about}\n{BARE}", serve(teams))


BARE = (
    f"Bare is a client that sends the same requests to the same API server, {bare.WORKERS} accesses at a time, "
    "without a watch;\nit asks nothing of Google. Its time includes the creation of the accesses too."
)


def serve(teams: crowd.Teams) -> list[Row]:
    """Let the operator serve the teams, and then the bare client an equal number."""
    with declare.world() as world:
        declare.prepare(world, teams)
        traffic, begun, held = Traffic(world), Sample.of(world), resident(world.pid("operator"))
        declare.create(world, teams.requests())
        took = settled(world, traffic, declare.ready(world, "repositoryaccesses", teams.accesses)).since(begun)
        memory = resident(world.pid("operator")) - held
        world.stop("operator")
        others = crowd.Teams("bare", teams.accesses, teams.repositories, teams.secrets)
        alone = bare.run(world, others, next(teams.requests()))
    return [*rows(teams, took, traffic, alone), Row("resident memory for each access, kB", memory / teams.accesses)]


def rows(teams: crowd.Teams, took: Sample, traffic: Traffic, alone: bare.Bare) -> list[Row]:
    """The figures: the total cost divided by the number of accesses."""
    count = teams.accesses
    writes = sum(number for method, number in traffic.counts.items() if method.startswith(WRITES) and method != SWEPT)
    needed = 6 if teams.secrets else 4
    policy = {verb: traffic.counts[f"ArtifactRegistry.{verb}IamPolicy"] / teams.repositories for verb in ("Get", "Set")}
    return [
        Row(
            "operator CPU for each access, ms",
            took.operator / count * 1e3,
            "≤ 10" if teams.secrets else "≤ 6",
            alone.client / count * 1e3,
        ),
        Row(
            "API server CPU for each access besides its creation, ms",
            (took.apiserver - alone.creation.apiserver) / count * 1e3,
            bare=alone.took.apiserver / count * 1e3,
        ),
        Row("created to all Ready, s of wall-clock time", took.wall, bare=alone.whole),
        Row("writes to Kubernetes for each access", writes / count, str(needed), needed),
        Row("of these, writes of its status", traffic.counts["patch repositoryaccesses/status"] / count, "2", 2),
        Row("reads of the policy for each repository", policy["Get"]),
        Row("writes of the policy for each repository", policy["Set"], "" if teams.secrets else "≤ 10"),
    ]
