"""The base of all policy-gradient learners: rollouts, values and the order of one iteration."""

from __future__ import annotations

import math
import operator
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from stable_baselines3.common.base_class import maybe_make_env
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, MaybeCallback, Schedule
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor
from torch.distributions import Distribution

from agents.acting import actor_of
from agents.advantages import GAE, AdvantageEstimator, PathReturn, RewardToGo
from agents.baselines import Baseline, Constant, ValueNetwork
from agents.cannot_learn import CannotLearn
from agents.critics import TrustRegionFit
from agents.finite import require_finite, restored_if_diverged
from agents.guarded_env import guarded
from agents.iteration_log import IterationLog, record_episodes, record_rollout
from agents.jacobian import differentiable_actor, mean_gradient
from agents.joint import OF_ROBOTS, TOLD_AT_AN_END, Ending, JointLearner
from agents.policies import ActorCritic
from agents.ranges import Checked, at_least_one, in_unit_interval, positive
from agents.rollout import Rollout, Rows
from agents.samples import Samples
from agents.sampling import Scale, drawn
from agents.sb3_arguments import refuse
from agents.sb3_policies import POLICIES, as_actor_critic
from agents.spaces import require_actions, require_observations


class PolicyGradient(JointLearner):
    """One iteration: rollout, advantages by the old baseline, policy update, baseline update, normaliser update.

    A subclass is an update rule: it implements `improve`, and works with any advantage estimator and any baseline.

    Args:
        policy: "MlpPolicy", "CnnPolicy" or "MultiInputPolicy", or a subclass of ActorCritic or of SB3's
            ActorCriticPolicy.
        env: an SB3 VecEnv, a Gymnasium environment, or an id.
        n_steps: steps of each robot in a rollout.
        episodic: whether a rollout is instead one new episode of each robot, at most `n_steps` steps of it.
        gamma: discount, in [0, 1].
        gae_lambda: GAE's lambda, in [0, 1].
        advantage: the advantage estimator; GAE with `gae_lambda` by default. Given a GAE, its lambda becomes
            `gae_lambda`.
        target: the estimator whose advantages plus values are the baseline's regression target; `advantage` by default.
            (For PathReturn a baseline that is not constant is fitted to the reward-to-go.)
        baseline: makes the baseline from the policy; by default its value network, fitted in a trust region.
        normalize_advantage: whether the advantages of a rollout are scaled to a spread of 1, and centred.
        memory_steps: steps over which the gradients of a policy with a memory reach back, a divisor of `n_steps`; None:
            the whole rollout.
        learning_rate: of the critic's Adam, where its fit uses it.
        device: "cpu" by default: networks of this size are slower on a GPU.

    Each of them but policy, env, policy_kwargs and device may be changed at any time, by its attribute or when `load`
    is called; the next rollout uses it. (`baseline` is then a baseline itself, not what makes one.)

    Raises:
        TypeError: for an estimator or a baseline that is not callable, such as its name.
        ValueError: for a number out of bounds, a space that is not accepted, or an argument of SB3's that would have no
            effect here.
    """

    policy: ActorCritic
    baseline: Baseline
    rollout_buffer: Rollout
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = POLICIES  # type: ignore[assignment]
    learning_rate = Checked(positive, schedule=True)  # type: ignore[assignment]
    n_steps = Checked(at_least_one)  # type: ignore[assignment]
    memory_steps = Checked(at_least_one, optional=True)
    gamma = Checked(in_unit_interval)  # type: ignore[assignment]
    gae_lambda = Checked(in_unit_interval)  # type: ignore[assignment]

    def __init__(
        self,
        policy: str | type[ActorCritic],
        env: GymEnv | str | None,
        learning_rate: float | Schedule = 1e-3,
        n_steps: int = 128,
        episodic: bool = False,
        gamma: float = 0.99,
        gae_lambda: float = 0.97,
        advantage: AdvantageEstimator | None = None,
        target: AdvantageEstimator | None = None,
        baseline: Callable[[ActorCritic], Baseline] | None = None,
        normalize_advantage: bool = True,
        memory_steps: int | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "cpu",
        _init_setup_model: bool = True,
        **kwargs: Any,
    ):
        refuse(kwargs, type(self).__name__)
        for name, estimator in {"advantage": advantage, "target": target}.items():
            if estimator is not None and (isinstance(estimator, type) or not callable(estimator)):
                raise TypeError(
                    f"{name} must be an estimator of agents.advantages, such as GAE(0.97), KStep(5), RewardToGo() or"
                    f" PathReturn(), got {estimator!r}"
                )
        if baseline is not None and not callable(baseline):
            raise TypeError(
                "baseline must be a function that makes one of agents.baselines from the policy, such as"
                f" lambda policy: TimeDependent(), got {baseline!r}"
            )
        env = maybe_make_env(env, verbose)  # type: ignore[arg-type]
        if env is not None:
            require_observations(env.observation_space)
            require_actions(env.action_space)
        super().__init__(
            as_actor_critic(policy),
            env,  # type: ignore[arg-type]
            learning_rate=learning_rate,
            n_steps=n_steps,
            gamma=gamma,
            gae_lambda=gae_lambda,
            ent_coef=0.0,
            vf_coef=0.0,
            max_grad_norm=math.inf,
            use_sde=False,
            sde_sample_freq=-1,
            rollout_buffer_class=Rollout,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=None if seed is None else operator.index(seed),  # SB3 refuses numpy's integers
            device=device,
            _init_setup_model=False,
        )
        self.episodic = episodic
        self.normalize_advantage = normalize_advantage
        self.memory_steps = memory_steps
        self._advantage: AdvantageEstimator | None = None
        if advantage is not None:
            self.advantage = advantage
        self.target = target
        self.make_baseline = baseline or (lambda policy: ValueNetwork(policy, TrustRegionFit()))
        self.elapsed = np.zeros(0, np.int64)
        self._log_interval: int | None = 1
        self.physics_errors = 0
        self.blow_ups = deque(maxlen=5)
        self.iteration_log = IterationLog()
        if _init_setup_model:
            self._setup_model()

    @property
    def advantage(self) -> AdvantageEstimator:
        """The advantage estimator; GAE's lambda is `gae_lambda`."""
        return self._advantage or GAE(self.gae_lambda)

    @advantage.setter
    def advantage(self, estimator: AdvantageEstimator) -> None:
        if isinstance(estimator, GAE):
            self.gae_lambda = estimator.gae_lambda
        self._advantage = None if isinstance(estimator, GAE) else estimator

    def scheduled(self, value: float | Schedule) -> float:
        """Return a number, or the present value of a function of the share of training that remains."""
        return float(value(self._current_progress_remaining) if callable(value) else value)

    def _setup_model(self) -> None:
        require_observations(self.observation_space)  # of a saved learner
        require_actions(self.action_space)
        super()._setup_model()
        if self.memory_steps is not None and self.policy.actor_memory is None:
            raise CannotLearn(f"memory_steps of {self.memory_steps} has no effect: the policy has no memory")
        self._windows(self.n_steps)  # refuses what does not divide them
        learned = self.baseline.state() if hasattr(self, "baseline") else None  # where SB3 loads a learner
        self.baseline = self.make_baseline(self.policy)
        if learned is not None:
            self.baseline.restore(learned)

    @staticmethod
    def _wrap_env(env: GymEnv, verbose: int = 0, monitor_wrapper: bool = True) -> VecEnv:
        return guarded(OnPolicyAlgorithm._wrap_env(env, verbose, monitor_wrapper))

    def _windows(self, steps: int) -> int:
        """Return into how many windows the gradient through a memory cuts a rollout."""
        if self.memory_steps is None:
            return 1
        if self.episodic or steps % self.memory_steps:
            raise CannotLearn(f"memory_steps of {self.memory_steps} must divide the {steps} steps of a rollout")
        return steps // self.memory_steps

    def improve(self, samples: Samples) -> None:
        """Update the actor, `self.policy.actor_parameters()`, and record figures by `self.logger.record`.

        `gradient` is that of a mean over the samples of all processes; so are `samples.shards.mean` and its kin. Means
        over this process's samples alone would lead the processes' policies apart.
        """
        raise NotImplementedError

    def gradient(self, gain: Callable[[Distribution], Tensor], samples: Samples) -> Tensor:
        """Return the gradient (P,), by the actor's parameters, of a mean over the samples of all processes.

        Args:
            gain: of the policy's action distributions at the samples -> for each (B,), what is averaged.
            samples: of this process.
        """
        actor = differentiable_actor(self.policy)(samples.inputs, samples.shards.sizes)
        return mean_gradient(self.policy, actor, gain, samples.shards)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Return the optimisers by name: their statistics belong to a checkpoint."""
        return {"optimizer": self.policy.optimizer}

    def get_state(self) -> dict[str, np.ndarray]:
        """Return the state that the next iteration depends on besides policy, optimisers and environment."""
        return {name: getattr(self, name) for name in OF_ROBOTS} | {
            f"baseline.{name}": array for name, array in self.baseline.state().items()
        }

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Restore what `get_state` returned."""
        for name in OF_ROBOTS:
            setattr(self, name, state.get(name, getattr(self, name)))
        learned = {name: array for name, array in state.items() if name.startswith("baseline.")}
        self.baseline.restore({name.removeprefix("baseline."): array for name, array in learned.items()})

    def learn(  # type: ignore[override]
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int | None = 1,
        tb_log_name: str | None = None,
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ):
        # SB3 would write a row before its update; `train` writes the row after it, complete.
        self._log_interval = log_interval
        return super().learn(
            total_timesteps,
            callback,
            log_interval=None,  # type: ignore[arg-type]
            tb_log_name=tb_log_name or type(self).__name__,
            reset_num_timesteps=reset_num_timesteps,
            progress_bar=progress_bar,
        )

    def collect_rollouts(  # type: ignore[override]  # our constructor asks for Rollout
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: Rollout,
        n_rollout_steps: int,
    ) -> bool:
        """Step the robots `n_rollout_steps` times, or through one episode; then compute values and advantages."""
        self.policy.set_training_mode(False)
        self.iteration_log.begin()
        callback.on_rollout_start()
        if self.episodic:
            self._last_obs = env.reset()  # type: ignore[assignment]
            self._last_episode_starts = np.ones(env.num_envs, bool)
        assert self._last_obs is not None
        rollout_buffer.buffer_size = n_rollout_steps
        elapsed = np.where(self._last_episode_starts, 0, self.elapsed)  # type: ignore[arg-type]
        rollout_buffer.begin(elapsed, self.critic_state, self._windows(n_rollout_steps))
        # Each robot's own, whatever process it is in: all processes draw the same numbers.
        noise = self.policy.sample_noise(n_rollout_steps, self.team.robots)[:, self.team.own_robots]
        actor = actor_of(self.policy, env.num_envs, len(self.team.own))
        actor.states = self.actor_state
        endings: list[Ending] = []
        first = self.team.own_robots.start
        for t in range(n_rollout_steps):
            if t % rollout_buffer.window == 0:
                rollout_buffer.actor_states.append(actor.states)
            seen = rollout_buffer.packing.pack(self._last_obs)  # type: ignore[arg-type]
            actions = actor.sample(seen, rollout_buffer.elapsed == 0, noise[t])  # type: ignore[arg-type]
            with self.iteration_log.environment():
                new_obs, rewards, dones, infos = env.step(self.policy.clip(actions))
            self.num_timesteps += self.team.robots
            callback.update_locals(locals())
            goes_on = callback.on_step()
            for i in np.flatnonzero(dones):
                told = {name: infos[i][name] for name in TOLD_AT_AN_END if name in infos[i]}
                endings.append((self.num_timesteps, first + int(i), told))
            rollout_buffer.add_step(seen, actions, rewards, dones, infos)  # type: ignore[arg-type]
            self._last_obs = new_obs  # type: ignore[assignment]
            self._last_episode_starts = dones
            self.elapsed, self.actor_state = rollout_buffer.elapsed, actor.states
            if not goes_on:
                self.note(endings)
                return False
            if self.episodic and not self.team.most(int(not rollout_buffer.ended.all())):
                break  # all processes at once: their robots take equally many steps
        if self.episodic:
            rollout_buffer.keep_first_episodes()
        rollout_buffer.evaluate(self.baseline, self._last_obs, len(self.team.own))  # type: ignore[arg-type]
        self.critic_state = rollout_buffer.critic_state_after
        rollout_buffer.estimate(self.advantage, self.learned_estimator(), self.gamma)
        self.note(endings)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def learned_estimator(self) -> AdvantageEstimator:
        """Return the estimator whose advantages plus values are the baseline's regression target."""
        if self.target is not None:
            return self.target
        # Both returns agree at an episode's first step, the only one at which PathReturn uses the baseline.
        to_go = isinstance(self.advantage, PathReturn) and not isinstance(self.baseline, Constant)
        return RewardToGo() if to_go else self.advantage

    def _update_current_progress_remaining(self, num_timesteps: int, total_timesteps: int) -> None:
        # The last rollout may go beyond the end of training, but schedules are not defined there.
        super()._update_current_progress_remaining(num_timesteps, total_timesteps)
        self._current_progress_remaining = max(self._current_progress_remaining, 0.0)

    def train(self) -> None:
        """Update policy, baseline and normaliser, in this order, with the rollout just collected; write a row."""
        rollout = self.rollout_buffer
        self.policy.set_training_mode(True)
        self._setup_lr_schedule()  # of the learning rate as it is now
        self._update_learning_rate(self.policy.optimizer)  # the critic's; an actor's has a schedule of its own
        counted, steps = rollout.rows(self.team), rollout.rows(self.team, counted=False)
        if not self.episodic:
            self.iteration_log.warn_of_few_samples(counted.shards.count, steps.shards.count, self.n_steps)
        with restored_if_diverged([*self.policy.parameters(), *self.policy.value_net.buffers()], self._n_updates + 1):
            self._learn_from(rollout, counted)
        self.policy.update_normalizer(steps.of(rollout.observations), steps.shards)
        self._n_updates += 1
        if self._n_updates == 1:
            self.require_agreement()
        self._record(rollout, counted, steps)
        if self._log_interval is not None and self._n_updates % self._log_interval == 0:
            self.dump_logs(self._n_updates)

    def _learn_from(self, rollout: Rollout, rows: Rows) -> None:
        """Update actor and baseline.

        Raises:
            Diverged: where what they learn from or have learned is not finite.
        """
        for name in ("observations", "rewards", "values", "advantages", "returns"):
            require_finite(f"the rollout's {name}", getattr(rollout, name))
        if rows.shards.count < 2:  # a single one has no spread
            return
        samples = self.samples(rollout, rows)
        self.improve(samples)
        for figure, value in self.logger.name_to_value.items():
            if figure.startswith("train/"):
                require_finite(figure, np.asarray(value))
        require_finite("the actor's parameters", self.policy.actor_parameters())
        if self.policy.continuous:
            require_finite("the actions' standard deviation", [self.policy.action_log_std.exp()])
        self.baseline.fit(samples)
        for name, array in self.baseline.state().items():
            require_finite(f"the baseline's {name}", array)
        require_finite("the critic's parameters", self.policy.critic_parameters())

    def samples(self, rollout: Rollout, rows: Rows) -> Samples:
        """Return the steps of a rollout that are learned from, shard by shard: see `drawn`."""
        scale = Scale(self.normalize_advantage, centred=not isinstance(self.baseline, Constant))
        return drawn(self.policy, rollout, rows, self.team, scale)

    def _record(self, rollout: Rollout, counted: Rows, steps: Rows) -> None:
        record_rollout(self.logger, rollout, self.policy, counted, steps)
        if self.policy.continuous:
            self.iteration_log.warn_of_clipping(self.logger.name_to_value["train/clipped_actions"])
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.iteration_log.record_speed(self.logger, steps.shards.count)
        self.iteration_log.record_physics_share(self.logger)
        self.logger.record("rollout/physics_errors", self.physics_errors)
        record_episodes(self.logger, self.ep_info_buffer or [])
