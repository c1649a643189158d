"""How far people agree, with each other and with themselves (Cohen 1960). Pure."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from reviewer.decisions import Decision, Outcome, Screen


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Two opinions on the same samples. first, second: annotators, the same name for one person's own two.

    n: samples that both have an opinion on. share: of them with the same one, [0, 1]. kappa: the share beyond
    what chance explains, ≤ 1; None where chance explains all, as every opinion is the same.
    """

    first: str
    second: str
    n: int
    share: float
    kappa: float | None


def opinion(decision: Decision) -> Hashable:
    """Return what a decision says of a sample, to be compared: its labels in order, or that it has none."""
    labels = decision.settled_labels()
    return tuple(sorted(labels)) if labels else decision.outcome


def cohens_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Return (p_o − p_e) / (1 − p_e) of opinions on the same samples, one or more; None for p_e = 1."""
    n = len(first)
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    left, right = Counter(first), Counter(second)
    expected = sum(left[each] * right[each] for each in left) / n**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def agreements(decisions: Iterable[Decision]) -> list[Agreement]:
    """Return how far each pair of people, and each person with an earlier decision of their own, agree.

    decisions: those that stand, oldest first. A second opinion is compared with the decision that it is
    about; of a person's opinions on a sample the last counts. Nothing else is compared: who decides again
    with the decision in view has no opinion of their own, and who adjudicates has seen both. Skips are none.
    """
    about: dict[int, Decision] = {}
    pairs: dict[tuple[str, str], dict[tuple[int, str], tuple[Hashable, Hashable]]] = {}
    for each in decisions:
        if each.outcome is Outcome.SKIP:
            continue
        if each.screen is Screen.ADJUDICATION:
            about.pop(each.position, None)
        elif each.screen is not Screen.SECOND:
            about[each.position] = each
        elif each.position in about:
            before = about[each.position]
            ordered = sorted((before, each), key=lambda one: one.annotator)  # stable: one's own by age
            found = pairs.setdefault((ordered[0].annotator, ordered[1].annotator), {})
            found[each.position, each.annotator] = (opinion(ordered[0]), opinion(ordered[1]))
    names = sorted(pairs, key=lambda pair: (pair[0] == pair[1], pair))
    return [_agreement(*pair, list(pairs[pair].values())) for pair in names]


def _agreement(first: str, second: str, pairs: Sequence[tuple[Hashable, Hashable]]) -> Agreement:
    left, right = [a for a, _ in pairs], [b for _, b in pairs]
    share = sum(a == b for a, b in pairs) / len(pairs)
    return Agreement(first=first, second=second, n=len(pairs), share=share, kappa=cohens_kappa(left, right))
