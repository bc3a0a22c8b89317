"""What can go wrong with a download, from the hub and from a release: one clear line each, and nothing half-written."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cvsi_db.errors import ModelError
from cvsi_db.models.hashes import ledger
from cvsi_db.models.inventory import Part, phi_part, pull
from cvsi_db.models.phi import MappingNetwork
from cvsi_db.models.spec import LINCIR_L14, SEARLE_B32, SEARLE_L14
from cvsi_db.models.verify import verify
from tests.disks import fill, small_disk
from tests.fakes import load_phi
from tests.models.fake_hub import FakeHub, serve_hub

HUB, RELEASE = LINCIR_L14, SEARLE_B32
DIM = 64


def checkpoint(layout: dict[str, object], seed: int) -> bytes:
    """A small phi of random weights in a published layout: those beside `Phi` are the layout's other entries."""
    torch.manual_seed(seed)
    buffer = io.BytesIO()
    torch.save({**layout, "Phi": MappingNetwork(DIM, DIM).state_dict()}, buffer)
    return buffer.getvalue()


PHIS = {
    SEARLE_B32: checkpoint({"epoch": 50}, 1),
    SEARLE_L14: checkpoint({"epoch": 100}, 2),
    LINCIR_L14: checkpoint({"epoch": 20_000}, 3),
}


@pytest.fixture
def hub(connect: Callable[[FakeHub], FakeHub]) -> Iterator[FakeHub]:
    releases = {
        "miccunifi/SEARLE/weights/SEARLE_ViT-B32.pt": PHIS[SEARLE_B32],
        "miccunifi/SEARLE/weights/SEARLE_ViT-L14.pt": PHIS[SEARLE_L14],
    }
    with serve_hub({"navervision/zeroshot-cir-models": {"lincir_large.pt": PHIS[LINCIR_L14]}}, releases) as running:
        yield connect(running)


def part(name: str) -> Part:
    return phi_part(name, "")


@pytest.mark.parametrize("name", PHIS)
def test_each_published_phi_is_found_pulled_verified_and_read(
    hub: FakeHub, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "cvsi_db")
    assert (part(name).state, part(name).licence) == ("not", "CC BY-NC 4.0")
    assert [each.name for each in pull([part(name)])] == ["phi"]
    (line,) = caplog.messages
    assert line.startswith("pulling phi ")
    assert line.endswith(" MB, licence: CC BY-NC 4.0): not for commercial use; --no-phi does without it")
    assert part(name).state == "fully"
    (path,) = part(name).files
    assert path.read_bytes() == PHIS[name]
    (checked,) = verify([part(name)])
    assert (checked.verdict, checked.sha256) == ("ok", hashlib.sha256(PHIS[name]).hexdigest())
    assert checked.sha256 in ledger().read_text()
    assert load_phi(path, dim=DIM, token_dim=DIM, device="cpu")(torch.zeros(1, DIM).numpy()).shape == (1, DIM)
    asked = list(hub.asked)
    assert pull([part(name)]) == []
    assert hub.asked == asked


@pytest.mark.parametrize("name", [HUB, RELEASE])
def test_a_download_that_is_cut_is_completed_not_repeated(
    hub: FakeHub, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1024)  # it keeps whole chunks
    hub.fault = "cut"
    pull([part(name)])
    (path,) = part(name).files
    assert path.read_bytes() == PHIS[name]
    assert len(hub.asked) == 2
    assert hub.sent < len(PHIS[name]) + 2048


def test_what_an_interrupted_process_left_of_a_release_is_completed(hub: FakeHub) -> None:
    from cvsi_db.models.release import release_file

    path = release_file("miccunifi/SEARLE/weights/SEARLE_ViT-B32.pt")
    path.parent.mkdir(parents=True)
    path.with_name(f"{path.name}.part").write_bytes(PHIS[RELEASE][:5000])
    pull([part(RELEASE)])
    end = time.monotonic() + 10
    while not hub.sent and time.monotonic() < end:  # the server counts when it has sent: the client may be done before
        time.sleep(0.01)
    assert hub.sent == len(PHIS[RELEASE]) - 5000
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "fault", "said"),
    [
        (HUB, "damaged", "lincir_large.pt is not what the hub announced, by its hash, and was deleted: try again"),
        (HUB, 401, r"the hub refuses \(401\): set HF_TOKEN or run `hf auth login`; or the name is wrong"),
        (HUB, 404, "the hub has no such repository or file: correct the name"),
        (HUB, "html", "a proxy or a login page stands between; open it in a browser, or set HTTPS_PROXY"),
        (RELEASE, 401, r"401 Unauthorized \(it asks for a login\): fetch it by hand, then name the file as `phi`"),
        (RELEASE, 404, r"404 Not Found \(there is no such file\): fetch it by hand, then name the file as `phi`"),
        (RELEASE, 503, "503 Service Unavailable: fetch it by hand"),
        (RELEASE, "html", "a web page was answered instead of the file: a proxy or a login page stands between"),
    ],
)
def test_a_failed_download_is_one_clear_line_and_leaves_nothing(
    hub: FakeHub, name: str, fault: int | str, said: str
) -> None:
    hub.fault = fault
    with pytest.raises(ModelError, match=said) as caught:
        pull([part(name)])
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("cannot download ")
    assert part(name).state == "not"
    assert not ledger().exists()
    hub.fault = None
    pull([part(name)])
    assert part(name).state == "fully"


@pytest.mark.parametrize("name", [HUB, RELEASE])
def test_no_network_is_one_clear_line(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, name: str, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("CVSI_RELEASES", "http://127.0.0.1:9")
    with pytest.raises(
        ModelError, match=f"the phi '{name}' is not on this machine and .*:9 cannot be reached: .*no-phi"
    ):
        pull([part(name)])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        pull([part(name)])
    assert list(tmp_path.rglob("*.pt*")) == []


@pytest.mark.parametrize("name", [HUB, RELEASE])
def test_a_full_disk_is_one_clear_line(hub: FakeHub, name: str, tmp_path: Path) -> None:
    folder = tmp_path / ("cache" if name == HUB else "home")
    with small_disk(folder, 512):
        with pytest.raises(ModelError, match=r"it needs 5\d\.\d MB|it needs 25\.2 MB") as told:
            pull([part(name)])
        assert str(folder) in str(told.value)
        assert not hub.asked
        filling = fill(folder, left=30_000)
        with pytest.raises(ModelError, match="free some space") as caught:
            pull([replace(part(name), size_bytes=None)])  # found out by writing alone
        assert "\n" not in str(caught.value)
        assert str(folder) in str(caught.value)
        assert part(name).state == "not"
        filling.unlink()
        pull([replace(part(name), size_bytes=None)])
        assert part(name).files[0].read_bytes() == PHIS[name]


@pytest.mark.parametrize("name", [HUB, RELEASE])
def test_a_file_that_is_another_than_at_its_first_use_is_told(hub: FakeHub, name: str) -> None:
    pull([part(name)])
    (path,) = part(name).files
    ledger().write_text(ledger().read_text().replace(hashlib.sha256(PHIS[name]).hexdigest(), 64 * "0"))
    assert [checked.verdict for checked in verify([part(name)])] == ["changed"]
    path.resolve().unlink()
    path.unlink(missing_ok=True)
    with pytest.raises(
        ModelError, match=r"has changed: its sha256 is .*, and was 0000000000000000… at first use"
    ) as told:
        pull([part(name)])
    assert str(ledger()) in str(told.value)


def test_a_release_that_is_cut_again_and_again_says_how_to_go_on(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvsi_db.models.release.ATTEMPTS", 1)
    hub.fault = "cut"
    with pytest.raises(ModelError, match="try again, which goes on where this stopped"):
        pull([part(RELEASE)])
    assert part(RELEASE).state == "not"
    pull([part(RELEASE)])
    assert hub.sent == len(PHIS[RELEASE])
