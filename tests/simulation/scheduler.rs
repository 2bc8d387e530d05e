//! One virtual process runs at a time, and a seed decides which.
//!
//! Each virtual process is a thread. Before each operation on the world it
//! hands its turn back, and the seeded source picks who goes on: so every
//! interleaving of operations can happen, and the same seed gives the same
//! one. Mostly the one that runs goes on, because waking another thread is
//! what a run spends its time on.

use std::sync::{Condvar, Mutex};

use crate::rng::Rng;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Runnable,
    WaitsForLock,
    Finished,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    tasks: Vec<Task>,
    current: usize,
    /// Set when everything must run to its end at once: the power is gone.
    free_run: bool,
}

#[derive(Debug)]
pub struct Scheduler {
    state: Mutex<State>,
    turns: Vec<Condvar>,
}

impl Scheduler {
    pub fn new(seed: u64, tasks: usize) -> Self {
        let mut rng = Rng::new(seed);
        let current = usize::try_from(rng.below(tasks.max(1) as u64)).unwrap();
        let turns = (0..tasks).map(|_| Condvar::new()).collect();
        let tasks = vec![Task::Runnable; tasks];
        let state = State {
            rng,
            tasks,
            current,
            free_run: false,
        };
        Self {
            state: Mutex::new(state),
            turns,
        }
    }

    /// Waits until it is this task's turn for the first time.
    pub fn start(&self, task: usize) {
        let mut state = self.state.lock().unwrap();
        while state.current != task && !state.free_run {
            state = self.turns[task].wait(state).unwrap();
        }
    }

    /// Hands the turn to whoever the seed picks, and waits for the next one.
    pub fn pause(&self, task: usize) {
        let mut state = self.state.lock().unwrap();
        state.pick();
        if state.current == task {
            return;
        }
        self.turns[state.current].notify_one();
        while state.current != task && !state.free_run {
            state = self.turns[task].wait(state).unwrap();
        }
    }

    /// This task can go on only when a lock is given back.
    pub fn wait_for_lock(&self, task: usize) {
        self.state.lock().unwrap().tasks[task] = Task::WaitsForLock;
        self.pause(task);
    }

    /// A lock was given back: who waits may try again.
    pub fn lock_was_given_back(&self) {
        let mut state = self.state.lock().unwrap();
        for task in &mut state.tasks {
            if *task == Task::WaitsForLock {
                *task = Task::Runnable;
            }
        }
    }

    pub fn finish(&self, task: usize) {
        let mut state = self.state.lock().unwrap();
        state.tasks[task] = Task::Finished;
        state.pick();
        self.turns[state.current].notify_one();
    }

    /// Nobody takes turns any more.
    pub fn release_everybody(&self) {
        self.state.lock().unwrap().free_run = true;
        for turn in &self.turns {
            turn.notify_one();
        }
    }
}

impl State {
    fn pick(&mut self) {
        let goes_on = self.tasks[self.current] == Task::Runnable;
        if goes_on && self.rng.chance(2, 3) {
            return;
        }
        let runnable: Vec<usize> = (0..self.tasks.len())
            .filter(|task| self.tasks[*task] == Task::Runnable)
            .collect();
        if !runnable.is_empty() {
            let index = usize::try_from(self.rng.below(runnable.len() as u64)).unwrap();
            self.current = runnable[index];
        }
    }
}
