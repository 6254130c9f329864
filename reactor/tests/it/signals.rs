//! Signals that come to the process, and one that must not.

use crate::child::in_child;
use crate::puppet::Moment;
use crate::stage::Stage;
use crate::support::{PATIENCE, reset};
use bytes::Bytes;
use reactor::{CloseReason, EventLoop};
use signal_hook::consts::SIGPIPE;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Stops this process and lets it go on, some times.
fn disturb() -> Child {
    let own = std::process::id();
    let script =
        format!("for n in 1 2 3 4 5; do kill -STOP {own}; kill -CONT {own}; sleep 0.01; done");
    Command::new("sh").args(["-c", &script]).spawn().unwrap()
}

#[test]
fn a_wait_that_signals_interrupt_is_one_wait_and_as_long_as_asked() {
    // To be continued interrupts a wait, with a handler or without: signal(7).
    in_child("signals::a_wait_that_signals_interrupt_is_one_wait_and_as_long_as_asked", || {
        let mut event_loop = EventLoop::new().unwrap();
        let (mut disturber, handle) = (disturb(), event_loop.handle());
        let waker = std::thread::spawn(move || {
            assert!(disturber.wait().unwrap().success());
            handle.run_in_loop(|_| ());
        });
        event_loop.run_once(Some(PATIENCE)).unwrap();
        waker.join().unwrap();
        assert_eq!((event_loop.stats().turns, event_loop.stats().tasks), (1, 1));

        let (start, time) = (Instant::now(), Duration::from_millis(100));
        let mut disturber = disturb();
        event_loop.run_once(Some(time)).unwrap();
        assert!((time..PATIENCE).contains(&start.elapsed()));
        disturber.wait().unwrap();
    });
}

#[test]
fn a_write_to_a_broken_connection_raises_no_signal() {
    in_child("signals::a_write_to_a_broken_connection_raises_no_signal", || {
        let raised = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGPIPE, raised.clone()).unwrap();
        // At once, and gathered at the end of the turn.
        let sends: [fn(&mut reactor::Connection<'_, ()>); 2] = [
            |connection| {
                connection.send(&[0; 8192]);
            },
            |connection| {
                connection.send_bytes(Bytes::from_static(&[0; 8192]));
                connection.send_bytes(Bytes::from_static(&[0; 8192]));
            },
        ];
        for send in sends {
            let stage = Stage::new(|_, _| ());
            let actor = stage.enter();
            stage.on_loop(move |connections| {
                // After an end, a reset is a broken pipe.
                actor.stream.shutdown(Shutdown::Write).unwrap();
                reset(actor.stream);
                send(&mut connections.get(actor.id).unwrap());
            });
            stage.wait_for(Moment::Closed(CloseReason::Error(ErrorKind::BrokenPipe)));
        }
        assert!(!raised.load(Ordering::Relaxed));
        let (near, far) = UnixStream::pair().unwrap();
        drop(far);
        rustix::io::write(&near, b"x").unwrap_err();
        assert!(raised.load(Ordering::Relaxed), "such a write can raise it");
    });
}
