"""The rewriter that is a language model on this machine, on small models that are saved as the real ones are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvsi_db.errors import BundleError, RewriteError, UsageError
from cvsi_db.gallery import Gallery
from cvsi_db.models.inventory import inventory, pull, state_of
from cvsi_db.models.rewriters import cache_name, check_rewriter, concurrency_of, make_rewriter, usage_of
from cvsi_db.models.rewriters.local import LocalRewriter
from cvsi_db.models.spec import STARTER, read_bundle
from tests.models.fake_hub import FakeHub, folder_files, serve_hub
from tests.models.small_language_model import WITHOUT_SYSTEM, save_language_model

EDITED, ADDED = ["a cat in a red hat", "the cat wears a hat"], "a red hat"
ANSWER = json.dumps({"edited_captions": EDITED, "added_objects": ADDED})
CAPTIONS, EDIT = ["a cat", "the cat sits"], "with a red hat"
SAMPLES = Path(__file__).parents[3] / "sample_gallery"


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that gives the one answer."""
    return save_language_model(tmp_path_factory.mktemp("models") / "taught", ANSWER, [(CAPTIONS, EDIT)])


@pytest.fixture(scope="module")
def untaught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights, whose answers are nonsense; it knows no system role."""
    return save_language_model(tmp_path_factory.mktemp("models") / "untaught", template=WITHOUT_SYSTEM)


def test_the_answer_of_a_model_is_used(taught: Path) -> None:
    rewriter = make_rewriter(f"local:{taught}", "cpu")
    check_rewriter(rewriter)
    rewrite = rewriter.rewrite(CAPTIONS, EDIT)
    assert (rewrite.edited_captions, rewrite.added_objects) == (tuple(EDITED), ADDED)
    assert (rewrite.rewriter, rewrite.fallback, rewrite.note) == (rewriter.name, False, "")
    assert rewriter.rewrite(CAPTIONS, EDIT) == rewrite  # greedy, whatever the checkpoint recommends
    assert (concurrency_of(rewriter), usage_of(rewriter)) == (1, None)


def test_a_useless_answer_is_an_error_and_rules_stand_in(untaught: Path) -> None:
    alone, both = make_rewriter(f"local:{untaught}", "cpu"), make_rewriter(f"local:{untaught},rules", "cpu")
    with pytest.raises(RewriteError, match=r"was cut off after 256 tokens: use another model|holds no JSON object"):
        alone.rewrite(CAPTIONS, EDIT)
    rewrite = both.rewrite(["a red cat"], "make it blue")
    assert rewrite.edited_captions == ("a blue cat",)
    assert rewrite.rewriter == make_rewriter("rules").name
    assert rewrite.note.startswith(f"{alone.name}: ")
    assert cache_name(both) == alone.name


def test_nothing_to_rewrite(untaught: Path) -> None:
    with pytest.raises(RewriteError, match="no captions"):
        make_rewriter(f"local:{untaught}").rewrite([], EDIT)


def test_the_name_changes_with_the_weights(taught: Path, untaught: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(untaught, tmp_path / "taught")
    names = [LocalRewriter(str(each)).name for each in (taught, copy, taught)]
    assert names[0] == names[2] != names[1]
    assert all(name.startswith("local-taught-") and name.endswith("-prompt2") for name in names)
    assert LocalRewriter("owner/name").name == "local-owner/name-prompt2"


def test_a_bundle_names_it_and_a_gallery_keeps_its_answers(taught: Path, tmp_path: Path) -> None:
    shutil.copytree(taught, tmp_path / "chat")
    bundle = tmp_path / "mine.toml"
    bundle.write_text(f'arch = "local-dir:{STARTER / "clip"}"\nrewriter = "local:chat, rules"\npreset = "untuned"\n')
    assert read_bundle(bundle).rewriter == f"local:{tmp_path / 'chat'},rules"
    (_, rewriter) = inventory(read_bundle(bundle))
    assert (rewriter.name, rewriter.state, rewriter.repo) == ("rewriter", "fully", None)
    assert state_of(inventory(read_bundle(bundle))) == "fully"
    reference = tmp_path / "pictures" / "red-cat-beach.png"
    reference.parent.mkdir()
    shutil.copy(SAMPLES / reference.name, reference)
    with Gallery.create(tmp_path / "db", model=str(bundle), device="cpu") as gallery:
        gallery.ingest(reference.parent)
        (tmp_path / "captions.jsonl").write_text(json.dumps({"path": str(reference), "captions": CAPTIONS}))
        gallery.import_captions(tmp_path / "captions.jsonl")
        first = gallery.search(reference, EDIT, exclude_reference=False)
        (tmp_path / "chat" / "config.json").unlink()  # the second answer comes from the gallery
        gallery._rewriter = make_rewriter(f"local:{tmp_path / 'chat'}")
        again = gallery.search(reference, EDIT, exclude_reference=False)
    for result in (first, again):
        assert result.compiled.rewrite is not None
        assert result.compiled.rewrite.edited_captions == tuple(EDITED)
        assert result.compiled.rewrite.rewriter == LocalRewriter(str(tmp_path / "chat")).name


# --- what stands in its way -----------------------------------------------------------------------------------------


def one_line(caught: pytest.ExceptionInfo[Any]) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_without_a_usable_model_says_what_it_lacks(untaught: Path, tmp_path: Path) -> None:
    pickled = shutil.copytree(untaught, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(RewriteError, match="holds no safetensors, and no others are read") as caught:
        check_rewriter(make_rewriter(f"local:{pickled}"))
    assert one_line(caught).endswith("use --rewriter rules")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RewriteError, match="holds no model"):
        make_rewriter(f"local:{tmp_path / 'empty'}").rewrite(CAPTIONS, EDIT)
    broken = shutil.copytree(untaught, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(RewriteError, match="cannot load the language model") as caught:
        make_rewriter(f"local:{broken}").rewrite(CAPTIONS, EDIT)
    one_line(caught)


def test_a_model_without_a_chat_template_is_refused(untaught: Path, tmp_path: Path) -> None:
    plain = shutil.copytree(untaught, tmp_path / "plain")
    (plain / "chat_template.jinja").unlink()
    with pytest.raises(RewriteError, match="has no chat template: use one that was tuned to follow instructions"):
        make_rewriter(f"local:{plain}", "cpu").rewrite(CAPTIONS, EDIT)


def test_a_prompt_longer_than_the_context_is_refused(tmp_path: Path) -> None:
    short = save_language_model(tmp_path / "short", longest=600)
    with pytest.raises(RewriteError, match="reads 600 tokens, and prompt and answer may have"):
        make_rewriter(f"local:{short}", "cpu").rewrite(CAPTIONS, EDIT)


def test_the_code_of_a_checkpoint_does_not_run(untaught: Path, tmp_path: Path) -> None:
    theirs = shutil.copytree(untaught, tmp_path / "theirs")
    config = json.loads((theirs / "config.json").read_text())
    config |= {"model_type": "theirs", "auto_map": {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"}}
    (theirs / "config.json").write_text(json.dumps(config))
    (theirs / "code.py").write_text('raise SystemExit("code of a checkpoint ran")\n')
    with pytest.raises(RewriteError, match="cannot load the language model") as caught:
        make_rewriter(f"local:{theirs}", "cpu").rewrite(CAPTIONS, EDIT)
    one_line(caught)


def test_offline_it_says_so_and_a_folder_that_is_not_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RewriteError, match=r"rewriter 'local:some/model' are not in the local cache and HF_HUB_OFF"):
        check_rewriter(make_rewriter("local:some/model"))
    check_rewriter(make_rewriter("local:some/model,rules"))
    with pytest.raises(RewriteError, match="neither a path on this machine nor OWNER/NAME"):
        check_rewriter(make_rewriter("local:/no/such/folder"))
    with pytest.raises(UsageError, match="local:FOLDER or local:OWNER/NAME"):
        make_rewriter("local:")


def test_it_is_pulled_from_the_hub_with_the_first_question(
    taught: Path, connect: Callable[[FakeHub], FakeHub], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "cvsi_db")
    with serve_hub({"some/chat": folder_files(taught), "some/pickles": {"config.json": b"{}"}}) as hub:
        connect(hub)
        rewriter = make_rewriter("local:some/chat", "cpu")
        check_rewriter(rewriter)
        assert not hub.asked
        assert rewriter.rewrite(CAPTIONS, EDIT).edited_captions == tuple(EDITED)
        assert "some/chat/chat_template.jinja" in hub.asked
        assert "pulling the rewriter some/chat" in caplog.text
        with pytest.raises(RewriteError, match=r"'some/pickles' holds no tokenizer\.json"):
            make_rewriter("local:some/pickles").rewrite(CAPTIONS, EDIT)


def test_a_bundle_s_rewriter_is_pulled_with_it(
    taught: Path, tmp_path: Path, connect: Callable[[FakeHub], FakeHub]
) -> None:
    bundle = tmp_path / "mine.toml"
    bundle.write_text(f'arch = "local-dir:{STARTER / "clip"}"\nrewriter = "local:some/chat"\n')
    with serve_hub({"some/chat": folder_files(taught)}) as hub:
        connect(hub)
        assert state_of(inventory(read_bundle(bundle))) == "partly"
        assert [part.name for part in pull(inventory(read_bundle(bundle)))] == ["rewriter"]
        assert state_of(inventory(read_bundle(bundle))) == "fully"
    bundle.write_text(f'arch = "local-dir:{STARTER / "clip"}"\nrewriter = "local:"\n')
    with pytest.raises(BundleError, match="unknown rewriter 'local:'"):
        read_bundle(bundle)
