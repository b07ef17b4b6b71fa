"""Numbers of a task on the command line."""

import dataclasses
import json

import numpy as np
import pytest

import envs
from envs.offscreen import RenderingUnavailable
from locomotion.commands import evaluate, train
from locomotion.environments import make_env, task_numbers
from locomotion.errors import UsageError
from locomotion.field_notes import field_notes
from locomotion.policies.stored import StoredPolicy
from locomotion.runs.parsing import parse
from locomotion.task_options import split_task_options, task_values


def test_they_are_typed_and_kept_where_they_differ():
    words = ["Go1", "--task.push-speed", "0.3", "--task.friction", "0.2", "0.4", "--task.grid", "--task.hold=5"]
    settings = parse([*words, "--seed", "3"])
    assert settings.task == {"push_speed": 0.3, "friction": (0.2, 0.4), "grid": True}  # hold is 5 anyway
    assert settings.seed == 3
    env = make_env(settings.env, 1, task=settings.task)
    assert (env.task.push_speed, env.task.friction, env.task.grid) == (0.3, (0.2, 0.4), True)
    assert parse(["Go1", "--seed", "3", "--task.max-velocity", "-1", "-0.5"]).task == {"max_velocity": (-1.0, -0.5)}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task.friction", "0.4", "0.2"], r"--task.friction must run from low to high, got \(0.4, 0.2\)"),
        (["--task.hold", "0"], "--task.hold must be positive, got 0.0"),
        (["--task.episode-steps", "0"], "--task.episode-steps must be at least 1, got 0"),
    ],
)
def test_values_out_of_range_are_named_as_they_were_written(words, message):
    with pytest.raises(UsageError, match=message):
        parse(["Go1", *words])


@pytest.mark.parametrize("words", [["--task.push-sped", "1"], ["--task.push-speed", "fast"], ["--task.friction", "1"]])
def test_unknown_names_and_values_of_another_type_end_with_exit_code_2(words, capsys):
    with pytest.raises(SystemExit) as error:
        parse(["Go1", *words])
    assert error.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_a_keyword_argument_of_another_type_than_its_default_is_refused():
    for words in (["--task.g", "abc"], ["--task.g", "1", "2"], ["--task.g"]):
        with pytest.raises(UsageError, match=r"--task.g must be a number, got"):
            task_values("Pendulum-v1", words)
    assert task_values("Pendulum-v1", ["--task.g", "5"]) == {"g": 5}


def test_an_infinite_number_and_a_model_that_is_not_there_are_refused():
    with pytest.raises(UsageError, match=r"--task.push-speed must be finite, got inf"):
        parse(["Go1", "--task.push-speed", "inf"])
    with pytest.raises(UsageError, match=r"--task.frame-skip must be at least 1, got 0"):
        parse(["Hopper-v5", "--task.frame-skip", "0"])
    with pytest.raises(UsageError, match=r"cannot make Hopper-v5: .*nothere.xml does not exist"):
        make_env("Hopper-v5", 1, task={"xml_file": "nothere.xml"})


def test_observations_that_nothing_here_can_draw_are_one_sentence(monkeypatch):
    def no_opengl(*_):
        raise RenderingUnavailable("no OpenGL to draw with")

    monkeypatch.setattr("envs.eyes.open_renderer", no_opengl)
    with pytest.raises(UsageError, match=r"cannot make Locomotion/Labyrinth-v0: no OpenGL to draw with"):
        make_env("Labyrinth", 1, task={"sight": "camera"})
    with pytest.raises(UsageError, match=r"cannot make Locomotion/Labyrinth-v0: view must be below 180 degrees"):
        make_env("Labyrinth", 1, task={"sight": "camera", "view": 180.0})


def test_of_a_foreign_environment_they_are_keyword_arguments():
    words = ["--task.goal-velocity", "0.02", "--task.render-mode=rgb_array", "--task.flag", "--task.pair", "1", "2"]
    assert task_values("MountainCarContinuous-v0", words) == {
        "goal_velocity": 0.02,
        "render_mode": "rgb_array",
        "flag": True,
        "pair": [1, 2],
    }
    assert parse(["MountainCarContinuous-v0", "--task.goal-velocity", "0.02"]).task == {"goal_velocity": 0.02}


def test_the_words_of_a_task_end_at_the_next_option():
    others, words = split_task_options(["Go1", "--task.friction", "0.2", "-0.4", "--seed", "1", "--task.grid"])
    assert others == ["Go1", "--seed", "1"]
    assert words == ["--task.friction", "0.2", "-0.4", "--task.grid"]


def test_help_lists_them_with_units_and_meaning(capsys):
    with pytest.raises(SystemExit):
        parse(["Go1", "--help"])
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--task.push-speed FLOAT" in text
    for note in (field_notes(envs.task_class("Locomotion/Go1-v0"))[name] for name in ("push_speed", "min_height")):
        assert " ".join(note.split()) in text


@pytest.mark.parametrize("env", envs.robot_ids())
def test_every_number_has_a_note_and_its_options_give_its_default(env):
    cls = envs.task_class(env)
    notes = field_notes(cls)
    silent = [one.name for one in dataclasses.fields(cls) if not notes.get(one.name)]
    if envs.is_own(env):
        assert silent == []
    assert task_values(env, ["--task.episode-steps", str(cls.episode_steps)]) == {}


def test_a_default_that_is_asked_for_goes_over_what_is_usual():
    usual = {"push_speed": 0.0}
    assert task_values("Locomotion/Go1-v0", ["--task.push-speed", "1.0"], usual) == {"push_speed": 1.0}
    assert task_values("Locomotion/Go1-v0", ["--task.push-speed", "0.0", "--task.hold", "2"], usual) == {"hold": 2.0}


def test_a_policy_is_evaluated_with_the_numbers_it_was_trained_with_and_with_those_asked_for(tmp_path, capsys):
    quick = ["--evaluations", "0", "--final-episodes", "2", "--video-seconds", "0", "--track", "off", "--threads", "1"]
    run = tmp_path / "run"
    learner = ["--num-envs", "4", "--n-steps", "32", "--steps", "128", "--out", str(run)]
    assert train(["CartPole", *learner, *quick, "--task.max-force", "0.001", "--task.max-angle", "0.1"]) == 0
    stored = StoredPolicy.find(run)
    assert stored.card.task == {"max_force": 0.001, "max_angle": 0.1}
    assert stored.environment().task.max_force == 0.001
    capsys.readouterr()

    def lengths(*words):
        assert evaluate([str(run), "--episodes", "5", "--threads", "1", "--json", *words]) == 0
        scores = json.loads(capsys.readouterr().out)
        return scores["length_mean"], scores.get("task")

    as_trained, wider = lengths(), lengths("--task.max-angle", "0.2")
    assert as_trained[1] is None
    assert wider[1] == {"max_angle": 0.2}
    assert wider[0] > as_trained[0]  # it falls as it did, and later counts as fallen
    with pytest.raises(UsageError, match=r"--task .* differs from the .* this run was begun with"):
        parse(["--resume", str(run), "--task.max-angle", "0.2"])


def test_what_is_asked_for_goes_over_the_tasks_own_changes_and_these_over_trainings():
    numbers = task_numbers("Locomotion/Go1-v0", "evaluation", {"push_speed": 0.3, "hold": 2.0}, {"grid": False})
    assert numbers == {"push_speed": 0.0, "hold": 2.0, "grid": False}
    assert task_numbers("Locomotion/Go1-v0", "training", {"push_speed": 0.3}) == {"push_speed": 0.3}
    assert np.isclose(make_env("Go1", 1, task=numbers).task.push_speed, 0.0)
