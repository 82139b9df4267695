"""Task types (`nextcloud-ocs §21.6`)."""

from pathlib import Path
from typing import Any

import pytest

from graphmill.errors import ConfigInvalid
from tests.api.ocs.client import REGISTRATION, TP, TX, Ocs, W, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCALARS = ("Number", "Text", "Image", "Audio", "Video", "File")
NAMES = {*SCALARS, "Enum", *(f"ListOf{name}s" for name in SCALARS)}


async def types(ocs: Ocs, **options: Any) -> dict[str, Any]:
    return dict((await ocs.get(f"{TP}/tasktypes", **options)).data["types"])


def slots(shape: dict[str, Any]) -> dict[str, str]:
    return {key: slot["type"] for key, slot in shape.items()}


async def test_t01_only_what_can_be_executed_is_listed(ocs: Ocs) -> None:
    listed = await types(ocs)
    assert "core:text2text" in listed
    assert "core:text2text:headline" not in listed


@pytest.mark.parametrize(
    ("type_id", "inputs", "outputs"),
    [
        pytest.param("core:text2text", {"input": "Text"}, {"output": "Text"}, id="T02"),
        pytest.param(
            "core:text2image",
            {"input": "Text", "numberOfImages": "Number"},
            {"images": "ListOfImages"},
            id="T05",
        ),
        pytest.param("core:audio2text", {"input": "Audio"}, {"output": "Text"}, id="T06"),
    ],
)
async def test_shapes_are_nextclouds(
    ocs: Ocs, type_id: str, inputs: dict[str, str], outputs: dict[str, str]
) -> None:
    listed = (await types(ocs))[type_id]
    assert (inputs, outputs) == (slots(listed["inputShape"]), slots(listed["outputShape"]))


async def test_t03_slots_are_described(ocs: Ocs) -> None:
    for described in (await types(ocs)).values():
        for name in ("inputShape", "optionalInputShape", "outputShape", "optionalOutputShape"):
            for slot in described[name].values():
                assert isinstance(slot["name"], str)
                assert isinstance(slot["description"], str)
                assert slot["type"] in NAMES
                assert slot["mandatory"] is not name.startswith("optional")


async def test_t04_choices_come_from_the_configuration(ocs: Ocs) -> None:
    translate = (await types(ocs))["core:text2text:translate"]
    assert {"input", "origin_language", "target_language"} == translate["inputShape"].keys()
    assert [{"name": "English", "value": "en"}, {"name": "German", "value": "de"}] == translate[
        "inputShapeEnumValues"
    ]["target_language"]
    assert {"origin_language": "detect_language"} == translate["inputShapeDefaults"]


async def test_t07_workflow_of_its_own(ocs: Ocs) -> None:
    greet = (await types(ocs))["app:greet"]
    assert {"name": "Text"} == slots(greet["inputShape"])
    assert ("Enum", False) == (
        greet["optionalInputShape"]["style"]["type"],
        greet["optionalInputShape"]["style"]["mandatory"],
    )
    assert {"style": "casual"} == greet["optionalInputShapeDefaults"]
    values = [each["value"] for each in greet["optionalInputShapeEnumValues"]["style"]]
    assert ["formal", "casual"] == values


async def test_t08_clients_go_by_these_names(ocs: Ocs) -> None:
    listed = await types(ocs)
    assert "Free text to text prompt" == listed["core:text2text"]["name"]
    assert "Translate" == listed["core:text2text:translate"]["name"]


async def test_t09_type_goes_with_its_provider(tmp_path: Path, echo_url: str) -> None:
    async with opened(tmp_path, echo_url) as ocs:
        assert "core:text2text:topics" in await types(ocs)
        await ocs.delete(REGISTRATION, version=1, worker=W, params={"name": "worker1:topics"})
        assert "core:text2text:topics" not in await types(ocs)


async def test_t10_workers_see_the_same_types(ocs: Ocs) -> None:
    answer = await ocs.get(f"{TP}/tasks_consumer/tasktypes", worker=W)
    assert await types(ocs) == answer.data["types"]


async def test_t11_old_types_are_for_everybody(ocs: Ocs) -> None:
    listed = (await ocs.get(f"{TX}/tasktypes", auth=None)).data["types"]
    ids = [each["id"] for each in listed]
    assert r"OCP\TextProcessing\FreePromptTaskType" in ids
    assert r"OCP\TextProcessing\SummaryTaskType" in ids
    assert r"OCP\TextProcessing\HeadlineTaskType" not in ids


async def test_phones_are_not_shown_chats(tmp_path: Path, echo_url: str) -> None:
    bound = {"core:text2text:chat": {"provider": "worker1:chat"}}
    async with opened(tmp_path, echo_url, task_types=bound) as ocs:
        assert "core:text2text:chat" in await types(ocs)
        phone = {"User-Agent": "Mozilla/5.0 (Android) Nextcloud-android/33.0.0"}
        assert "core:text2text:chat" not in await types(ocs, headers=phone)


async def test_workflow_must_have_what_its_type_needs(tmp_path: Path, echo_url: str) -> None:
    bound = {"core:text2image": {"workflow": "echo"}}
    with pytest.raises(ConfigInvalid, match="needs 'numberOfImages', but the workflow 'echo'"):
        async with opened(tmp_path, echo_url, task_types=bound):
            pass


async def test_names_of_the_workflow_are_mapped(tmp_path: Path, echo_url: str) -> None:
    bound = {
        "core:text2text:summary": {
            "workflow": "greet",
            "map_in": {"input": "name", "manner": "style"},
            "map_out": {"output": "greeting"},
        }
    }
    async with opened(tmp_path, echo_url, task_types=bound) as ocs:
        described = (await types(ocs))["core:text2text:summary"]
        assert {"input": "Text"} == slots(described["inputShape"])
        assert {"manner": "Enum"} == slots(described["optionalInputShape"])
        values = {"input": "Ann", "manner": "formal"}
        task = await ocs.wait(await ocs.sched("core:text2text:summary", values))
        assert {"output": "Hi Ann (formal)"} == task["output"]


async def test_id_that_nextcloud_has_not_is_shaped_by_its_workflow(
    tmp_path: Path, echo_url: str
) -> None:
    bound = {"mine:greeting": {"workflow": "greet", "defaults": {"name": "you"}}}
    async with opened(tmp_path, echo_url, task_types=bound) as ocs:
        described = (await types(ocs))["mine:greeting"]
        assert {"name": "you"} == described["inputShapeDefaults"]


async def test_workflow_that_breaks_takes_its_type_along(tmp_path: Path, echo_url: str) -> None:
    async with opened(tmp_path, echo_url) as ocs:
        other = (tmp_path / "greet.yml").read_text()
        (tmp_path / "echo.yml").write_text(other)
        app = ocs.services.catalog.find("echo")
        assert app is not None
        await ocs.services.catalog.reload(app)
        assert "core:text2text" not in await types(ocs)
        assert 412 == (await ocs.order("core:text2text", {"input": "x"})).status
