"""`facedb model`: the models that make the embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facedb.cli.choices import PresetOption, SetOption, key_values
from facedb.cli.context import database, settings_from, state_of
from facedb.cli.output import Format, FormatOption, emit
from facedb.core.counting import counted
from facedb.core.row_schema import ad_hoc, texts

_LISTED = ad_hoc(
    {"kind": str, "name": str, "digest": str | None, "dim": int | None, "embeddings": int | None, "where": str}
)

app = typer.Typer(
    name="model",
    help="Add, pull, list and verify models.",
    no_args_is_help=True,
    epilog="Example: facedb model pull yunet",
)


@app.command(epilog="Example: facedb model add glint360k_r50.onnx --preset arcface --name r50")
def add(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The .onnx file.", show_default=False)],
    name: Annotated[str | None, typer.Option(help="The name to use from now on; default: the file's.")] = None,
    preset: PresetOption = None,
    overrides: SetOption = None,
) -> None:
    """Copy a model and its contract into the models folder, so that its name is enough."""
    from facedb.dataset import models

    added = models.add(file, settings_from(ctx).models, name=name, preset=preset, overrides=key_values(overrides))
    for note in added.notes:
        state_of(ctx).reporter.say(note)
    contract = [] if added.contract is None else _contract_rows(added.contract.to_dict())
    emit(texts("key", "value"), [*contract, ("file", str(added.path))], Format.TABLE)
    licence = (
        added.licence or "unknown to facedb: many face weights are for non-commercial research only, so look it up"
    )
    state_of(ctx).reporter.say(f"Licence: {licence}.")


@app.command("list", epilog="Example: facedb model list")
def list_models(ctx: typer.Context, output: FormatOption = Format.TABLE) -> None:
    """Print the contracts in the database, the files in the models folder and what can be pulled."""
    from facedb.dataset import known_models
    from facedb.embedding.model_files.registry import KNOWN

    folder = settings_from(ctx).models
    with database(ctx) as db:
        rows: list[tuple[object, ...]] = [
            ("contract", m.name, m.digest[:12], m.dim, m.embeddings, m.weights_path or "embeddings only")
            for m in known_models.contracts(db)
        ]
    rows += [("file", path.stem, None, None, None, str(path)) for path in known_models.files(folder)]
    here = {path.name for path in known_models.files(folder)}
    rows += [
        ("to pull", k.name, k.sha256[:12], None, None, f"{k.role}, {k.size / 1e6:.1f} MB, {k.licence}")
        for k in KNOWN
        if k.file_name not in here
    ]
    emit(_LISTED, rows, output)


@app.command(epilog="Example: facedb model show mobileface_v2_mit")
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name or digest of a contract.")],
    output: FormatOption = Format.TABLE,
) -> None:
    """Print a contract: everything that a vector depends on."""
    from facedb.dataset import models

    with database(ctx) as db:
        model = models.find_contract(db, name, settings_from(ctx).models)
    rows = [
        ("digest", model.digest),
        *_contract_rows(model.contract),
        ("weights_path", model.weights_path),
        ("detector_path", model.detector_path),
    ]
    emit(texts("key", "value"), rows, output)


@app.command(epilog="Example: facedb model verify mobileface_v2_mit")
def verify(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name or digest of a contract.")],
    output: FormatOption = Format.TABLE,
) -> None:
    """Check that the files of a contract are there, unchanged, and give what the contract says."""
    from facedb.dataset import models

    with database(ctx) as db:
        model = models.find_contract(db, name, settings_from(ctx).models)
    emit(texts("check", "result"), models.verify(model), output)


@app.command(
    epilog="Example: facedb model remove old_model, and when the counts are right: facedb model remove old_model --yes"
)
def remove(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name or digest of a contract.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it; without this it is only counted.")] = False,
) -> None:
    """Remove a contract from the database with its embeddings and scans; files in the models folder stay."""
    from facedb.scan.retention import remove_model

    with database(ctx) as db:
        gone = remove_model(db, name, yes=yes, cache_dir=settings_from(ctx).cache)
    say = state_of(ctx).reporter.say
    on = f", on {gone.rested_on} of which verdicts, plans or evaluations rest" if gone.rested_on else ""
    say(
        f"{'Removed' if yes else 'Would remove'} the contract {gone.name} ({gone.digest[:12]}): "
        f"{counted(gone.embeddings, 'embedding')}, {counted(gone.scans, 'scan')}{on}."
    )
    if not yes:
        say("Nothing has been removed yet; to remove it, add --yes.")


@app.command(epilog="Example: facedb model pull yunet && facedb model pull sface")
def pull(ctx: typer.Context, name: Annotated[str, typer.Argument(help="yunet or sface.")]) -> None:
    """Download a published model, verified by its sha256; a broken download is continued."""
    from facedb.dataset import models

    path, known = models.pull(
        name, settings_from(ctx).models, state_of(ctx).reporter, base_url=settings_from(ctx).models_url
    )
    emit(
        texts("key", "value"),
        [
            ("name", known.name),
            ("role", known.role),
            ("file", str(path)),
            ("sha256", known.sha256),
            ("licence", known.licence),
            ("source", known.source),
        ],
        Format.TABLE,
    )


def _contract_rows(contract: object) -> list[tuple[str, object]]:
    assert isinstance(contract, dict)  # noqa: S101 - a contract is a mapping
    flat: list[tuple[str, object]] = []
    for key, value in contract.items():
        if isinstance(value, dict):
            flat += [(f"{key}.{inner}", content) for inner, content in value.items()]
        else:
            flat.append((key, value))
    return [(key, str(value) if isinstance(value, (int, float)) else value) for key, value in flat]
