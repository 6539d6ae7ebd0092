"""Label selectors of a spec."""

from wheelhouse.api.meta import LabelSelector
from wheelhouse.domain.objects import Requirement, Selector


def label_selector(selector: LabelSelector) -> Selector:
    """A label selector as one list of requirements, as Kubernetes reads it."""
    equal = [Requirement(key, "In", (value,)) for key, value in (selector.match_labels or {}).items()]
    more = [Requirement(e.key, e.operator.value, tuple(e.values or ())) for e in selector.match_expressions or ()]
    return Selector((*equal, *more))
