//! A server of puppets, and how their connections are brought to some moment.

use crate::puppet::{Act, Moment, Puppet};
use crate::support::{Action, PATIENCE, Running, reset, serve};
use bytes::Bytes;
use reactor::{Connection, ConnectionId, ConnectionOptions, Connections};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// More than the kernel takes for a peer that does not read.
pub(crate) const TOO_MUCH: usize = 16 << 20;

/// A server of puppets, and what they went through.
pub(crate) struct Stage {
    pub(crate) running: Running<Action>,
    log: mpsc::Receiver<(ConnectionId, Moment)>,
    seen: RefCell<Vec<(ConnectionId, Moment)>>,
}

/// A connection, from both sides.
pub(crate) struct Actor {
    pub(crate) stream: TcpStream,
    pub(crate) id: ConnectionId,
}

impl Stage {
    pub(crate) fn new(
        act: impl Fn(Moment, &mut Connection<'_, ()>) + Send + Sync + 'static,
    ) -> Self {
        let (sender, log) = mpsc::channel();
        let act: Arc<Act> = Arc::new(act);
        let options = ConnectionOptions {
            high_water: 64 << 10,
            low_water: 1 << 10,
            output_cap: usize::MAX,
            ..Default::default()
        };
        let running = serve(
            |builder| builder.connection_options(options),
            move |_seat| Puppet { act: act.clone(), log: sender.clone() },
        );
        Self { running, log, seen: RefCell::default() }
    }

    /// Connects and waits until the service knows.
    pub(crate) fn enter(&self) -> Actor {
        let stream = self.running.connect();
        let id = self.wait_for(Moment::Connected);
        Actor { stream, id }
    }

    /// Waits for a moment, and returns whose it was.
    pub(crate) fn wait_for(&self, moment: Moment) -> ConnectionId {
        loop {
            let entry = self.log.recv_timeout(PATIENCE).expect("a moment in time");
            self.seen.borrow_mut().push(entry);
            if entry.1 == moment {
                return entry.0;
            }
        }
    }

    /// Waits until the loop is through with what it was told of.
    pub(crate) fn settle(&self) {
        for _ in 0..3 {
            self.on_loop(|_| ());
        }
    }

    /// All that came so far, when the loop has nothing left to do.
    pub(crate) fn log(&self) -> Vec<(ConnectionId, Moment)> {
        self.settle();
        let mut seen = self.seen.borrow_mut();
        seen.extend(self.log.try_iter());
        seen.clone()
    }

    /// Runs `action` on the loop and waits until it is through.
    pub(crate) fn on_loop(&self, action: impl FnOnce(&mut Connections<'_, ()>) + Send + 'static) {
        let (sender, receiver) = mpsc::channel();
        let action: Action = Box::new(move |connections| {
            action(connections);
            sender.send(()).unwrap();
        });
        self.running.service().post(action).unwrap();
        receiver.recv_timeout(PATIENCE).expect("the loop runs the action");
    }

    /// Does `what` with each of the connections, in one call.
    fn with_each(&self, actors: &[Actor], what: impl Fn(&mut Connection<'_, ()>) + Send + 'static) {
        let ids: Vec<_> = actors.iter().map(|actor| actor.id).collect();
        self.on_loop(move |connections| {
            ids.into_iter().for_each(|id| {
                if let Some(mut connection) = connections.get(id) {
                    what(&mut connection);
                }
            });
        });
    }

    /// Brings all `actors` to `moment`, in one batch where the network allows; returns those whose
    /// streams are left.
    pub(crate) fn bring(&self, mut actors: Vec<Actor>, moment: Moment) -> Vec<Actor> {
        match moment {
            Moment::Connected => {}
            Moment::Message => self.while_held(|| {
                actors.iter().for_each(|actor| (&actor.stream).write_all(b"x").unwrap());
            }),
            Moment::EndOfStream => self.while_held(|| {
                actors.iter().for_each(|actor| actor.stream.shutdown(Shutdown::Write).unwrap());
            }),
            Moment::Closed(_) => self.while_held(|| {
                actors.drain(..).for_each(|actor| reset(actor.stream));
            }),
            Moment::WriteComplete => self.with_each(&actors, |connection| {
                connection.send(b"x");
            }),
            Moment::HighWater => self.send_too_much(&actors),
            Moment::LowWater => {
                self.send_too_much(&actors);
                for actor in &actors {
                    let mut received = (&actor.stream).take(TOO_MUCH as u64);
                    // The connection may be closed under way.
                    let _broken = received.read_to_end(&mut Vec::new());
                }
            }
            Moment::Timer => self.with_each(&actors, |connection| {
                connection.run_after(Duration::ZERO, 0);
            }),
        }
        actors
    }

    /// The loop sees what `act` does when all of it is done.
    pub(crate) fn while_held(&self, act: impl FnOnce()) {
        let (release, released) = mpsc::channel::<()>();
        let wait: Action = Box::new(move |_| {
            let _dropped = released.recv_timeout(PATIENCE);
        });
        // A post is seen before bytes that are sent after it.
        self.running.service().post(wait).unwrap();
        act();
        drop(release);
    }

    fn send_too_much(&self, actors: &[Actor]) {
        let much = Bytes::from(vec![0; TOO_MUCH]);
        self.with_each(actors, move |connection| {
            connection.send_bytes(much.clone());
        });
    }
}
