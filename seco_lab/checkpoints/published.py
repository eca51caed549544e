"""The published weights of the two papers and of ImageNet: what they are, where they lie, their sums."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_ZENODO = "https://zenodo.org/records/{}/files/{}?download=1"
_TORCHGEO = "https://hf.co/torchgeo/{}"
_TORCHVISION = "https://download.pytorch.org/models/{}"
_BLOCK_BYTES = 2**22


@dataclass(frozen=True)
class PublishedFile:
    """One published file of weights.

    Attributes:
        name: Short name for the command line.
        file: Its name where it is published.
        encoder: Name of the architecture.
        trained: Method and data, in words.
        contract: Key of ``CONTRACTS``.
        url: Where it can be had.
        size_mb: Size in millions of bytes, rounded, where the publisher gives it.
        md5: Its md5 sum, where the publisher gives it.
        sha256: Its sha256 sum or the beginning of it, where the publisher gives it.
    """

    name: str
    file: str
    encoder: str
    trained: str
    contract: str
    url: str
    size_mb: float | None = None
    md5: str | None = None
    sha256: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def _seco(size: str, encoder: str, md5: str, size_mb: float | None = None) -> PublishedFile:
    file, images = f"seco_{encoder}_{size}.ckpt", {"100k": "100 000", "1m": "1 000 000"}[size]
    return PublishedFile(
        f"seco_{encoder}_{size}", file, encoder, f"SeCo on {images} Sentinel-2 images", "seco",
        _ZENODO.format("4728033", file), size_mb, md5,
    )  # fmt: skip


def _gassl(name: str, trained: str) -> PublishedFile:
    file = f"{name}.pth.tar"
    where = _ZENODO.format("7379715", file.replace("+", "%2B"))
    return PublishedFile(f"gassl_{name}", file, "resnet50", f"{trained} on fMoW RGB", "gassl", where)


def _torchgeo(folder: str, commit: str, sha256: str, trained: str, contract: str) -> PublishedFile:
    file = f"{folder}-{sha256}.pth"
    url = _TORCHGEO.format(f"{folder}/resolve/{commit}/{file}")
    return PublishedFile(
        f"torchgeo_{folder}", file, folder.partition("_")[0], trained, contract, url, sha256=sha256
    )


def _torchvision(encoder: str, sha256: str, recipe: str, size_mb: float) -> PublishedFile:
    file = f"{encoder}-{sha256}.pth"
    return PublishedFile(
        f"imagenet_{encoder}_{recipe}", file, encoder, f"ImageNet labels, torchvision {recipe}", "imagenet",
        _TORCHVISION.format(file), size_mb, sha256=sha256,
    )  # fmt: skip


# Sums and sizes: SeCo's README and Zenodo record; torchgeo and torchvision put the first eight digits of the
# sha256 into the file name. The GASSL record's sums stand in no source that we could read.
PUBLISHED = (
    _seco("100k", "resnet18", "dcf336be31f6c6b0e77dcb6cc958fca8", 171.3),
    _seco("1m", "resnet18", "53d5c41d0f479bdfd31d6746ad4126db", 171.3),
    _seco("100k", "resnet50", "9672c303f6334ef816494c13b9d05753"),
    _seco("1m", "resnet50", "7b09c54aed33c0c988b425c54f4ef948"),
    _gassl("moco", "MoCo-v2"),
    _gassl("moco_geo", "MoCo-v2 + Geo"),
    _gassl("moco_tp", "MoCo-v2 + TP"),
    _gassl("moco_geo+tp", "MoCo-v2 + Geo + TP"),
    _torchgeo(
        "resnet18_sentinel2_rgb_seco", "f8dcee692cf7142163b55a5c197d981fe0e717a0", "cefca942",
        "SeCo, query encoder alone", "seco",
    ),
    _torchgeo(
        "resnet50_sentinel2_rgb_seco", "fbd07b02a8edb8fc1035f7957160deed4321c145", "018bf397",
        "SeCo, query encoder alone", "seco",
    ),
    _torchgeo(
        "resnet50_fmow_rgb_gassl", "fe8a91026cf9104f1e884316b8e8772d7af9052c", "da43d987",
        "GASSL, query encoder alone", "gassl",
    ),
    _torchvision("resnet18", "f37072fd", "v1", 46.8),
    _torchvision("resnet34", "b627a593", "v1", 87.3),
    _torchvision("resnet50", "0676ba61", "v1", 102.5),
    _torchvision("resnet50", "11ad3fa6", "v2", 102.5),
)  # fmt: skip


def published_named(name: str) -> PublishedFile:
    """A published file by its short name or its file name.

    Raises:
        LookupError: Unknown; the message lists the names.
    """
    for entry in PUBLISHED:
        if name in (entry.name, entry.file):
            return entry
    raise LookupError(
        f"no published weights {name!r}; known are {', '.join(entry.name for entry in PUBLISHED)}"
    )


@dataclass(frozen=True)
class Sums:
    """Checksums of one file: md5 and sha256 in hexadecimal digits."""

    md5: str
    sha256: str

    def difference(self, entry: PublishedFile) -> str | None:
        """Which sum of a published file this one misses, both named; None where all known sums agree."""
        if entry.md5 and entry.md5 != self.md5:
            return f"md5 should be {entry.md5} and is {self.md5}"
        if entry.sha256 and not self.sha256.startswith(entry.sha256):
            return f"sha256 should begin with {entry.sha256} and is {self.sha256}"
        return None


def sums_of(path: str | Path) -> Sums:
    """Checksums of a file, read once."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            md5.update(block)
            sha256.update(block)
    return Sums(md5.hexdigest(), sha256.hexdigest())


def recognise(path: str | Path) -> PublishedFile | None:
    """The published file that a file is by its checksum, whatever it is called now; None for all others."""
    sums = sums_of(path)
    for entry in PUBLISHED:
        if (entry.md5 or entry.sha256) and sums.difference(entry) is None:
            return entry
    return None
