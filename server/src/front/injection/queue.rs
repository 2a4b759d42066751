//! Whose turn it is: a bounded number of injections at once, a bounded number waiting, and one at
//! a time at one place.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::place::Place;
use crate::station::Error;

/// The queue. Cheap to clone; all clones are one queue.
#[derive(Clone)]
pub(super) struct Queue {
    state: Arc<State>,
}

struct State {
    places: Arc<Semaphore>,
    at_once: usize,
    longest: usize,
    waiting: AtomicUsize,
    occupied: Mutex<HashSet<String>>,
}

/// A turn. Lives in the delivery, so that it ends with the story and not with the caller.
pub(super) struct Turn {
    _occupied: Occupied,
    _place: OwnedSemaphorePermit,
}

/// A place that somebody injects at, or waits to.
struct Occupied {
    place: String,
    state: Arc<State>,
}

impl Occupied {
    fn enter(state: &Arc<State>, place: &Place) -> Result<Self, Error> {
        let place = place.to_string();
        let mut occupied = state.occupied.lock().unwrap_or_else(PoisonError::into_inner);
        if !occupied.insert(place.clone()) {
            return Err(Error::AddressBusy(place));
        }
        Ok(Self { place, state: state.clone() })
    }
}

impl Queue {
    pub(super) fn new(at_once: usize, longest: usize) -> Self {
        let state = State {
            places: Arc::new(Semaphore::new(at_once)),
            at_once,
            longest,
            waiting: AtomicUsize::new(0),
            occupied: Mutex::default(),
        };
        Self { state: Arc::new(state) }
    }

    /// Waits for a turn at `place`. Dropping the future gives the place in the queue back.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full, [`Error::AddressBusy`] when an injection runs there
    /// or waits to: two labels for one gateway are seen before either is served.
    pub(super) async fn turn(&self, place: &Place) -> Result<Turn, Error> {
        let occupied = Occupied::enter(&self.state, place)?;
        let place = match self.state.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => self.wait().await?,
        };
        Ok(Turn { _occupied: occupied, _place: place })
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.state.waiting.load(Ordering::Acquire)
    }

    async fn wait(&self) -> Result<OwnedSemaphorePermit, Error> {
        let waiting = Waiting::enter(&self.state)?;
        let place = self.state.places.clone().acquire_owned().await;
        drop(waiting);
        place.map_err(|_| Error::Stopped("the station is shutting down".to_owned()))
    }
}

/// Somebody in the queue.
struct Waiting<'a>(&'a State);

impl<'a> Waiting<'a> {
    fn enter(state: &'a State) -> Result<Self, Error> {
        if state.waiting.fetch_add(1, Ordering::AcqRel) >= state.longest {
            state.waiting.fetch_sub(1, Ordering::AcqRel);
            return Err(Error::Busy { running: state.at_once, queued: state.longest });
        }
        metrics::gauge!("pep_injections_queued").increment(1);
        Ok(Self(state))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
        metrics::gauge!("pep_injections_queued").decrement(1);
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let mut occupied = self.state.occupied.lock().unwrap_or_else(PoisonError::into_inner);
        occupied.remove(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Place {
        Place::Port(([127, 0, 0, 1], port).into())
    }

    #[tokio::test]
    async fn one_at_a_time_at_an_address() {
        let queue = Queue::new(4, 4);
        let turn = queue.turn(&at(1)).await.ok().unwrap();
        assert!(matches!(queue.turn(&at(1)).await, Err(Error::AddressBusy(_))));
        let other = queue.turn(&at(2)).await;
        assert!(other.is_ok());
        drop(turn);
        assert!(queue.turn(&at(1)).await.is_ok());
    }

    #[tokio::test]
    async fn a_full_queue_says_so_and_empties() {
        let queue = Queue::new(1, 2);
        let turn = queue.turn(&at(1)).await.ok().unwrap();
        let mut waiters = Vec::new();
        for port in [2, 3] {
            let queue = queue.clone();
            waiters.push(tokio::spawn(async move { queue.turn(&at(port)).await.map(drop) }));
        }
        while queue.state.waiting.load(Ordering::Acquire) < 2 {
            tokio::task::yield_now().await;
        }
        let full = queue.turn(&at(4)).await.map(drop);
        assert_eq!(full, Err(Error::Busy { running: 1, queued: 2 }));
        // Who waits for an address occupies it as well.
        assert_eq!(queue.turn(&at(2)).await.map(drop), Err(Error::AddressBusy(at(2).to_string())));
        // One goes away before its turn.
        waiters.pop().unwrap().abort();
        while queue.state.waiting.load(Ordering::Acquire) > 1 {
            tokio::task::yield_now().await;
        }
        drop(turn);
        assert_eq!(waiters.pop().unwrap().await.unwrap(), Ok(()));
        assert!(queue.turn(&at(5)).await.is_ok());
    }
}
