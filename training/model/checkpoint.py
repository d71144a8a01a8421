"""Checkpoints of a training run, in parts small enough to be carried about."""

import io

import torch

PART = 15 << 20  # bytes


def _bf16(state):
    """Muon's momentum in half the bytes. Nothing else: f16 would take Adam's small squares for zero."""
    if isinstance(state, dict):
        return {k: v.bfloat16() if k == "momentum" and torch.is_tensor(v) else _bf16(v) for k, v in state.items()}
    return [_bf16(x) for x in state] if isinstance(state, list) else state


def save(folder, state):
    """Writes the parts; the whole at once, by renaming the folder."""
    buffer = io.BytesIO()
    torch.save(_bf16(state), buffer)
    data = buffer.getvalue()
    fresh, last, old = folder / "checkpoint.new", folder / "checkpoint", folder / "checkpoint.old"
    fresh.mkdir(parents=True, exist_ok=True)
    for i in range(0, len(data), PART):
        (fresh / f"part{i // PART}").write_bytes(data[i:i + PART])
    if last.exists():
        last.rename(old)
    fresh.rename(last)
    for file in old.glob("*") if old.exists() else ():
        file.unlink()
    if old.exists():
        old.rmdir()


def restore(folder):
    """The last checkpoint of a run's folder, or None."""
    parts = sorted((folder / "checkpoint").glob("part*"), key=lambda p: int(p.name[4:]))
    return torch.load(io.BytesIO(b"".join(p.read_bytes() for p in parts)), map_location="cpu") if parts else None
