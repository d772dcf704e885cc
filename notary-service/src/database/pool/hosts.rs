//! Which hosts are live, and which connections still count.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// What a connection remembers of its host: it counts as long as the host has not been away since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) host: usize,
    epoch: u64,
}

#[derive(Default)]
struct State {
    /// Moves each time the host is found away.
    epoch: AtomicU64,
    away: AtomicBool,
}

pub(super) struct Hosts {
    states: Vec<State>,
    /// The host that served last.
    current: AtomicUsize,
}

impl Hosts {
    pub(super) fn new(count: usize) -> Self {
        Self { states: (0..count).map(|_| State::default()).collect(), current: AtomicUsize::new(0) }
    }

    /// All hosts: the current one first, those thought away last.
    pub(super) fn in_turn(&self) -> Vec<Ticket> {
        let (count, current) = (self.states.len(), self.current.load(Ordering::Acquire));
        let turn = (0..count).filter_map(|step| {
            let host = (current + step) % count.max(1);
            let state = self.states.get(host)?;
            Some((state.away.load(Ordering::Acquire), Ticket { host, epoch: state.epoch.load(Ordering::Acquire) }))
        });
        let (away, live): (Vec<_>, Vec<_>) = turn.partition(|(away, _)| *away);
        live.into_iter().chain(away).map(|(_, ticket)| ticket).collect()
    }

    pub(super) fn serves(&self, ticket: Ticket) {
        if let Some(state) = self.states.get(ticket.host) {
            state.away.store(false, Ordering::Release);
        }
        self.current.store(ticket.host, Ordering::Release);
    }

    /// The host of this connection is away; said of a connection that does not count any more, it says nothing new.
    pub(super) fn is_away(&self, ticket: Ticket) {
        if self.renew(ticket)
            && let Some(state) = self.states.get(ticket.host)
        {
            state.away.store(true, Ordering::Release);
        }
    }

    /// No connection made until now counts any more. False if that was known.
    pub(super) fn renew(&self, ticket: Ticket) -> bool {
        self.states.get(ticket.host).is_some_and(|state| {
            let next = ticket.epoch.wrapping_add(1);
            state.epoch.compare_exchange(ticket.epoch, next, Ordering::AcqRel, Ordering::Acquire).is_ok()
        })
    }

    pub(super) fn is_valid(&self, ticket: Ticket) -> bool {
        self.states.get(ticket.host).is_some_and(|state| state.epoch.load(Ordering::Acquire) == ticket.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(hosts: &Hosts) -> Vec<usize> {
        hosts.in_turn().into_iter().map(|ticket| ticket.host).collect()
    }

    #[test]
    fn a_host_that_is_away_comes_last_and_its_connections_no_longer_count() {
        let hosts = Hosts::new(3);
        assert_eq!(turn(&hosts), [0, 1, 2]);
        let (first, second) = (hosts.in_turn()[0], hosts.in_turn()[1]);
        hosts.is_away(first);
        assert_eq!(turn(&hosts), [1, 2, 0]);
        assert!(!hosts.is_valid(first) && hosts.is_valid(second));
        hosts.serves(second);
        let again = *hosts.in_turn().last().unwrap();
        hosts.serves(again);
        assert_eq!(turn(&hosts), [0, 1, 2], "a host that serves again takes its turn");
        hosts.is_away(first);
        assert_eq!(turn(&hosts), [0, 1, 2], "news of an old connection says nothing of the host as it is now");
        assert!(hosts.is_valid(again));
    }
}
