"""The public WCT2 program's checkpoints (a .pth for the encoder, one for the decoder) as one model file.

The layers have the same names there, with three differences: fixed Haar filters are stored as parameters
(``pool1.LL.weight``, ``recon_block1.LL.weight``, …), the cat5 decoder's layers after a concatenation have a ``_2``
more (``conv3_4_2``), and nothing says which unpooling the decoder is for but its layers' names.
"""

from __future__ import annotations

import logging
import os
import pickle
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from photostyle.errors import ParameterError, WeightsError
from photostyle.network import haar
from photostyle.network.wct2 import WCT2, ModelConfig, Unpool
from photostyle.weights.files import SUFFIX, file_sha256, first_not_finite, layout_problem
from photostyle.weights.models import WIDTH_KEYS, infer_widths, save_model
from photostyle.weights.registry import EMBEDDED_NAME, cache_dir

_logger = logging.getLogger(__name__)

_FIXED = re.compile(r"(?:pool|recon_block)[123]\.(LL|LH|HL|HH)\.weight")
_HAAR_TOLERANCE = 1e-4
# The layers after an unpooling, whose names tell the two kinds of decoder apart.
_AFTER_UNPOOLING = ("conv3_4", "conv2_2", "conv1_2")
# What torch's weights-only unpickler lets through when a file is damaged, found by flipping bytes of checkpoints.
_DAMAGE = (
    pickle.UnpicklingError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    EOFError,
    MemoryError,
    OSError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def import_checkpoints(
    encoder: str | os.PathLike[str],
    decoder: str | os.PathLike[str],
    *,
    name: str = "vgg19",
    destination: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> Path:
    """Make a float32 model file of a pair of the public WCT2 program's checkpoints.

    The files are read as plain tensors; code in them is refused, never run. Their SHA-256 is logged and kept in the
    model file (``encoder_sha256``, ``decoder_sha256``).

    Args:
        encoder: such as wave_encoder_cat5_l4.pth.
        decoder: such as wave_decoder_cat5_l4.pth; it decides whether the model is a sum or a cat5 one.
        name: what `load_model` will know the model by (letters, digits, ``_`` and ``-``).
        destination: a folder or, with the suffix .safetensors, a file; None for the cache. In a folder the file is
            called NAME-UNPOOL.safetensors.
        overwrite: replace an existing file.

    Returns:
        The path of the model file.

    Raises:
        WeightsError: a checkpoint is missing, damaged, holds more than tensors, is of the wrong kind or does not fit
            the other one.
        OutputError: the file exists and `overwrite` is false, or it cannot be written.
        ParameterError: `name` is not usable as a name, or is the embedded model's.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name):
        raise ParameterError(f"a model cannot be called {name!r}: use letters, digits, _ and -")
    if name == EMBEDDED_NAME:
        raise ParameterError(
            f"a model cannot be called {name!r}: that is the embedded model's name; choose another one"
        )
    paths = {"encoder": Path(encoder), "decoder": Path(decoder)}
    states = {half: _load(path, half) for half, path in paths.items()}
    _check_kinds(states, paths)
    states = {half: _without_filters(states[half], path) for half, path in paths.items()}
    unpool: Unpool = "cat5" if any(f"{layer}_2.weight" in states["decoder"] for layer in _AFTER_UNPOOLING) else "sum"
    model = _model(name, unpool, states, paths)
    extra = {f"{half}_sha256": file_sha256(path) for half, path in paths.items()}
    for half, path in paths.items():
        _logger.info("%s of %r: %s, SHA-256 %s", half, name, path, extra[f"{half}_sha256"])
    target = Path(destination).expanduser() if destination is not None else cache_dir()
    if target.suffix.lower() != SUFFIX:
        target /= f"{name}-{unpool}{SUFFIX}"
    save_model(model, target, half=False, extra=extra, overwrite=overwrite)
    return target


def _load(path: Path, half: str) -> dict[str, Tensor]:
    """The tensors of one checkpoint by name, without ``DataParallel``'s prefix."""
    if not os.path.isfile(path) or path.stat().st_size == 0:
        what = "is a folder" if os.path.isdir(path) else "is empty" if os.path.isfile(path) else "does not exist"
        raise WeightsError(f"{path} {what}: give the {half}'s .pth file")
    try:
        # torch.load does not look at a zip file's checksums.
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
            if damaged:
                raise WeightsError(f"{path} is damaged (the checksum of {damaged} is wrong): get it again")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols: what follows is an error or it is not
            state = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE as error:
        if "GLOBAL" in str(error):  # torch's word for a reference to a class or function
            raise WeightsError(f"{path} holds code or objects, not only tensors: refused, nothing was run") from error
        what = type(error).__name__
        raise WeightsError(f"{path} is damaged or not a PyTorch checkpoint ({what}): get it again") from error
    if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
        raise WeightsError(f"{path} is not a checkpoint of named tensors: give the public WCT2 {half}'s .pth file")
    for key, tensor in state.items():
        if not _is_plain(tensor):
            raise WeightsError(f"{path}: {key} is not a tensor of floating-point numbers; this is no WCT2 {half}")
    tensors = {key.removeprefix("module."): tensor.detach() for key, tensor in state.items()}
    if len(tensors) != len(state):
        raise WeightsError(f"{path} names the same tensor with and without 'module.': it cannot be imported")
    return tensors


def _is_plain(tensor: object) -> bool:
    return (
        isinstance(tensor, Tensor)
        and tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and tensor.is_floating_point()
    )


def _check_kinds(states: Mapping[str, Mapping[str, Tensor]], paths: Mapping[str, Path]) -> None:
    kinds = {half: _kind(state) for half, state in states.items()}
    if kinds == {"encoder": "decoder", "decoder": "encoder"}:
        raise WeightsError(f"{paths['encoder']} is the decoder and {paths['decoder']} the encoder: swap the two")
    for half, kind in kinds.items():
        if kind != half:
            what = f"an {kind}, not a" if kind == "encoder" else f"a {kind}, not an" if kind else "not a public WCT2"
            raise WeightsError(f"{paths[half]} is {what} {half}: give the {half}'s .pth file")


def _kind(state: Mapping[str, Tensor]) -> str:
    """Which half of WCT2 a checkpoint looks like, by two layers' names; empty if neither."""
    if "conv0.weight" in state:
        return "encoder"
    return "decoder" if "conv3_4.weight" in state or "conv3_4_2.weight" in state else ""


def _without_filters(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """`state` without its fixed wavelet filters, which must be those that `photostyle.network.haar` computes."""
    kept: dict[str, Tensor] = {}
    for key, tensor in state.items():
        match = _FIXED.fullmatch(key)
        if match is None:
            kept[key] = tensor
            continue
        if tensor.dim() != 4 or tensor.shape[1:] != (1, 2, 2):
            raise WeightsError(f"{path}: {key} has shape {tuple(tensor.shape)}, expected (channels, 1, 2, 2)")
        expected = haar_filter(match[1]).expand_as(tensor)
        if not torch.allclose(tensor.to(torch.float32), expected, rtol=0, atol=_HAAR_TOLERANCE):
            raise WeightsError(f"{path}: {key} is not the Haar filter {match[1]}; other wavelets are not supported")
    return kept


def haar_filter(band: str) -> Tensor:
    """The 2×2 analysis filter of the band LL, LH, HL or HH, float32."""
    # A filter's tap is the filter's answer to a block with a single one at that place.
    answers: Tensor = getattr(haar.pool(torch.eye(4).view(4, 2, 2)), band.lower())
    return answers.view(2, 2)


def _model(name: str, unpool: Unpool, states: Mapping[str, Mapping[str, Tensor]], paths: Mapping[str, Path]) -> WCT2:
    """The model with the two checkpoints' tensors, after checking them against each other."""
    missing = [key for key in WIDTH_KEYS if key not in states["encoder"]]
    if missing:
        raise WeightsError(f"{paths['encoder']} lacks {', '.join(missing)}: it is no complete WCT2 encoder")
    widths = infer_widths(states["encoder"])
    with torch.device("meta"):
        model = WCT2(ModelConfig(name=name, widths=widths, unpool=unpool, ll_gain=1.0, regularization=1.0))
    tensors: dict[str, Tensor] = {}
    for half, path in paths.items():
        ours = {key.removeprefix(f"{half}."): key for key in model.state_dict() if key.startswith(f"{half}.")}
        theirs = {_public_name(key, unpool) if half == "decoder" else key: key for key in ours}
        shapes = {public: tuple(model.state_dict()[ours[key]].shape) for public, key in theirs.items()}
        problem = layout_problem(shapes, states[half])
        if problem:
            raise WeightsError(f"{path} is no {unpool} {half} for an encoder with widths {widths}: {problem}")
        bad = first_not_finite(states[half])
        if bad:
            raise WeightsError(f"{path} is damaged ({bad} has values that are not finite): get it again")
        tensors |= {ours[key]: states[half][public].to(torch.float32) for public, key in theirs.items()}
    model.load_state_dict(tensors, assign=True)
    return model


def _public_name(key: str, unpool: Unpool) -> str:
    """What the public program's decoder calls our decoder's `key` (``conv3_4.weight``)."""
    layer, _, kind = key.partition(".")
    return f"{layer}_2.{kind}" if unpool == "cat5" and layer in _AFTER_UNPOOLING else key
