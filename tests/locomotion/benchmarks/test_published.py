import pytest

from envs.registry import GYMNASIUM_TASKS
from locomotion.benchmarks.published import METRICS, VERSION, chosen, published_table, read_figures
from locomotion.benchmarks.scores import SeedScores

FIGURES, CHANGES = read_figures()


def row(env, *returns, learner="trpo", steps=1_000_000):
    return SeedScores(
        env, learner, steps, {seed: {"return_mean": value, "metrics": {}} for seed, value in enumerate(returns)}
    )


def the(robot, learner, study, steps=1_000_000):
    (figure,) = (f for f in FIGURES if (f.robot, f.learner, f.study.name, f.steps) == (robot, learner, study, steps))
    return figure


def test_every_figure_says_where_it_comes_from_and_what_it_is():
    assert len(FIGURES) > 200
    for figure in FIGURES:
        study = figure.study
        assert f"{figure.robot}-v{VERSION}" in GYMNASIUM_TASKS
        assert figure.version is None or 1 <= figure.version <= VERSION
        assert study.name
        assert len(study.source) > 10
        assert study.protocol
        assert study.metric in METRICS
        assert study.seeds is None or study.seeds >= 1
        assert figure.learner.isupper() or figure.learner == "TRPO+"
        assert figure.steps is None or 100_000 <= figure.steps <= 10_000_000
        assert len(figure.spread) <= 2
        assert bool(figure.spread) == (study.spread is not None)
        if len(figure.spread) == 2:
            assert figure.spread[0] <= figure.score <= figure.spread[1]
    assert set(CHANGES) <= {figure.robot for figure in FIGURES}


def test_no_figure_stands_there_twice():
    keys = [(f.study.name, f.robot, f.version, f.learner, f.steps) for f in FIGURES]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("robot", "learner", "study", "score", "spread"),
    [
        ("Hopper", "TRPO", "sb3-contrib", 3372, (215,)),
        ("Walker2d", "TRPO", "sb3-contrib", 4502, (234,)),
        ("HalfCheetah", "TRPO", "Tianshou, best", 4471.2, (804.9,)),
        ("HalfCheetah", "TRPO", "Tianshou, at the step", 4527, (603,)),
        ("Reacher", "TRPO", "OpenAI Baselines", -4.82, ()),
        ("Swimmer", "TRPO", "rl-baselines3-zoo", 365.7, (2.1,)),
        ("Ant", "PPO", "Spinning Up, PyTorch", 683, ()),
    ],
)
def test_figures_are_the_sources(robot, learner, study, score, spread):
    figure = the(robot, learner, study)
    assert (figure.score, figure.spread) == (score, spread)


def test_only_like_is_compared_with_like():
    def like(*which, learner="trpo", steps=1_000_000):
        return the(*which).like(learner, steps, CHANGES)

    assert like("HalfCheetah", "TRPO", "Tianshou, at the step")
    assert not like("HalfCheetah", "TRPO", "Tianshou, at the step", learner="ppo")
    assert not like("HalfCheetah", "TRPO", "Tianshou, at the step", steps=2_000_000)
    assert not like("HalfCheetah", "TRPO", "Tianshou, best")  # not the final policy
    assert not like("HalfCheetah", "TRPO", "OpenAI Baselines")  # of who knows what
    assert not like("Walker2d", "TRPO", "sb3-contrib")  # of robots with another foot


def test_the_table_states_version_measure_and_what_has_changed():
    text = published_table([row("Walker2d-v5", 4000.0, 4400.0), row("HalfCheetah-v5", 5000.0)])
    lines = text.splitlines()
    assert "| Walker2d-v5 | 5 | trpo | ours | 4200 +- 200 | 2 | final policy |  |" in lines
    assert "| Walker2d-v5 | 3, another task | TRPO | sb3-contrib | 4502 +- 234 | 3 | final policy |  |" in lines
    assert "| Walker2d-v5 | 3, another task | TRPO | Tianshou, best | 3827 +- 783 | 10 | training's best |  |" in lines
    assert any(
        line.startswith("| Walker2d-v5 | 2, another task | TRPO | Engstrom et al. | 2791 [2709, 2873]")
        for line in lines
    )
    assert "| HalfCheetah-v5 | 3, same task | TRPO | sb3-contrib | 1803 +- 46 | 3 | final policy | +3197 |" in lines
    assert "- New in Walker2d-v5: the right foot's friction is 1.9" in text
    assert "- sb3-contrib: Stable-Baselines-Team/stable-baselines3-contrib, docs/modules/trpo.md" in text
    assert " win" not in text


def test_figures_of_our_learner_all_stand_there_and_of_others_the_highest():
    hopper = [figure for figure in FIGURES if figure.robot == "Hopper"]
    these = chosen(hopper, "ppo", 1_000_000)
    assert all(figure.steps in (1_000_000, None) for figure in these)
    ppo = [f for f in hopper if f.learner == "PPO" and f.steps in (1_000_000, None)]
    assert [f for f in these if f.learner == "PPO"] == sorted(ppo, key=lambda f: f.score, reverse=True)
    (trpo,) = (f for f in these if f.learner == "TRPO")
    assert (trpo.score, trpo.study.name) == (3618, "rl-baselines3-zoo")


def test_of_our_own_robots_nothing_is_published():
    assert published_table([row("Locomotion/Biped-v0", 1.0)]) == ""
    assert published_table([]) == ""
