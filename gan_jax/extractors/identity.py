"""A recogniser's identity: whether two packs, trained or still to be trained, are one network.

Images made or chosen to please a judge get better numbers from it whatever they are like. So judge
and chooser must be two networks: not one pack, and not two trainings of one config and seed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from ml_collections import ConfigDict

from gan_jax.config.saved import checked, differences, plain, portable, with_defaults
from gan_jax.data.schema import fields, text
from gan_jax.errors import InputError
from gan_jax.extractors.released import pack_place

# A recogniser's name, and the layers that are read, do not change its weights.
_NAMES = ("name", "layers")


@dataclasses.dataclass(frozen=True)
class Identity:
    """A recogniser's marks, as far as they are known.

    Attributes:
        stamp: its name, for messages.
        digest: of its pack; '' if it is not trained yet.
        training: the plain config that it is trained with; {} if not known.
        path: of its pack, resolved; '' if not known.
    """

    stamp: str
    digest: str
    training: dict[str, Any]
    path: str = ""

    @classmethod
    def of(cls, extractor: Any, pack: str = "") -> Identity:
        """An extractor's identity; for one that reads channels, that of the extractor within."""
        inner = getattr(extractor, "extractor", extractor)
        return cls(inner.stamp, inner.digest, inner.record.get("training") or {}, _resolved(pack))

    @classmethod
    def planned(cls, pack: str, train: ConfigDict) -> Identity:
        """The identity of a pack that a CNN's config is to make, before the training."""
        training = plain(train) if train else {}
        return cls(f"the one to be trained in {pack}", "", training, _resolved(pack))

    def sameness(self, other: Identity) -> str:
        """Why both are one network; '' if they are two."""
        if self.path and self.path == other.path:
            return f"both are the pack in '{self.path}'"
        if self.digest and self.digest == other.digest:
            return f"both have the SHA-256 {self.digest[:8]}..."
        if self.training and other.training:
            sides = [
                {k: v for k, v in with_defaults(portable(side)).items() if k not in _NAMES}
                for side in (self.training, other.training)
            ]
            if not differences(*sides):
                return "both are trained by one config, with one seed"
        return ""


def check_identity(value: Any, name: str) -> None:
    """Raises `gan_jax.data.schema.Unfit` unless this is an `Identity` as files hold it."""
    needed = {"stamp": text(300), "digest": text(64), "training": fields({})}
    fields(needed, {"path": text()}, closed=True)(value, name)
    if value["training"]:
        checked(value["training"], f"{name}.training")


def refuse_selector(chosen_by: Identity | None, extractors: Iterable[Any]) -> None:
    """Raises InputError if one of the extractors that will judge samples also chose them."""
    if chosen_by is None:
        return
    for extractor in extractors:
        refuse_judge("the recogniser that chose these samples", chosen_by, Identity.of(extractor))


def refuse_judge(name: str, identity: Identity, judge: Identity) -> None:
    """Raises InputError if `identity`, called `name` in the message, is the judge."""
    if sameness := identity.sameness(judge):
        raise InputError(
            f"{name} ({identity.stamp}) and the judge ({judge.stamp}) are one network: {sameness}. "
            "Images made or chosen to please a judge get better numbers from it without being "
            "better. Give one of them a pack of another seed, and other widths."
        )


def _resolved(pack: str) -> str:
    return str(pack_place(pack).resolve()) if pack else ""
