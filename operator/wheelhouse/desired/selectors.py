"""Label selectors of a spec."""

from wheelhouse.api.meta import LabelSelector
from wheelhouse.domain.objects import OPT_IN_LABEL, OPT_IN_VALUE, Requirement, Selector


def label_selector(selector: LabelSelector) -> Selector:
    """A label selector as one list of requirements, as Kubernetes reads it."""
    equal = [Requirement(key, "In", (value,)) for key, value in (selector.match_labels or {}).items()]
    more = [Requirement(e.key, e.operator.value, tuple(e.values or ())) for e in selector.match_expressions or ()]
    return Selector((*equal, *more))


def with_opt_in(selector: Selector) -> Selector:
    """A selector that matches only namespaces that have opted in: a Secret is written into no other."""
    return Selector((*selector.requirements, Requirement(OPT_IN_LABEL, "In", (OPT_IN_VALUE,))))
