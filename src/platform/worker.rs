//! A thread that does one thing after another for somebody who may stop waiting.
//!
//! What cannot be broken off is done on such a thread. It stays for the next
//! thing, because each new thread begins with memory of its own, and what some
//! things leave behind there is given back by no allocator.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, SendError, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

type Task = Box<dyn FnOnce() + Send>;

/// The thread, from the first thing to be done on. It ends when this is dropped
/// and nothing is left to do.
#[derive(Debug)]
pub(crate) struct Worker {
    name: &'static str,
    tasks: Mutex<Option<Sender<Task>>>,
}

impl Worker {
    /// A thread of this name; there is none yet.
    pub(crate) fn named(name: &'static str) -> Self {
        Self {
            name,
            tasks: Mutex::default(),
        }
    }

    /// Begins `job`; what comes of it comes out of the receiver. Where it panics
    /// nothing does, and the next job is done all the same.
    ///
    /// # Errors
    /// Where no thread could be started.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Receiver<T>> {
        let (teller, answer) = mpsc::sync_channel(1);
        let task: Task = Box::new(move || {
            // A thread that died of a panic could be given one more job before it
            // is seen to be dead, and nobody would do that.
            if let Ok(done) = panic::catch_unwind(AssertUnwindSafe(job)) {
                // Nobody may be waiting any more.
                let _ = teller.send(done);
            }
        });
        let mut tasks = self.tasks();
        let left = match tasks.as_ref() {
            Some(tasks) => tasks.send(task).err().map(|SendError(task)| task),
            None => Some(task),
        };
        if let Some(task) = left {
            *tasks = Some(self.start(task)?);
        }
        Ok(answer)
    }

    /// Nobody waits any more for what was begun: the next job gets a new thread.
    pub(crate) fn abandon(&self) {
        *self.tasks() = None;
    }

    fn start(&self, first: Task) -> io::Result<Sender<Task>> {
        let (sender, receiver) = mpsc::channel::<Task>();
        thread::Builder::new()
            .name(self.name.into())
            .spawn(move || {
                first();
                receiver.into_iter().for_each(|task| task());
            })?;
        Ok(sender)
    }

    fn tasks(&self) -> MutexGuard<'_, Option<Sender<Task>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_does_it_all_until_it_is_abandoned() {
        let worker = Worker::named("test-worker");
        let id = || {
            let begun = worker.begin(|| thread::current().id());
            begun.unwrap().recv().unwrap()
        };
        let first = id();
        assert_eq!(id(), first);
        for _ in 0..100 {
            let panics = worker.begin(|| panic::resume_unwind(Box::new(())));
            assert!(panics.unwrap().recv().is_err());
            assert_eq!(id(), first, "what panics takes no other job with it");
        }
        let (hold, held) = mpsc::channel::<()>();
        let stuck = worker.begin(move || held.recv().is_err()).unwrap();
        worker.abandon();
        assert_ne!(id(), first, "nobody waits behind what is stuck");
        drop(hold);
        assert!(stuck.recv().unwrap(), "it ends all the same");
    }
}
