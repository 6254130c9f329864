use super::*;
use crate::bare_epoll;

/// Says lines again until it has heard so many.
struct Parrot {
    heard: Vec<(usize, Vec<u8>)>,
    wanted: usize,
}

impl Role for Parrot {
    fn hear(&mut self, net: &mut Net, who: usize, line: &[u8], _: Instant) -> io::Result<()> {
        self.heard.push((who, line.to_vec()));
        if self.heard.len() < self.wanted {
            net.say(who, |out| out.extend_from_slice(&[line, b"\n"].concat()));
        }
        Ok(())
    }

    fn respond(&mut self, _: &mut Net, _: usize, _: Instant) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_go_there_and_back_before_and_after_the_connection_is_made() {
    let address = bare_epoll::start();
    let mut net = Net::new(3).unwrap();
    let mut parrot = Parrot { heard: Vec::new(), wanted: 30 };
    for who in 0..2 {
        net.open(who, address).unwrap();
        net.say(who, |out| out.extend_from_slice(b"one\ntwo\n"));
    }
    while parrot.heard.len() < 30 {
        net.turn(Duration::from_secs(5), &mut parrot).unwrap();
    }
    assert!(parrot.heard.iter().all(|(_, line)| line == b"one" || line == b"two"));
    net.close(1);
    net.say(1, |_| panic!("nobody is there"));
}

#[test]
fn a_long_line_is_heard_in_one_piece() {
    let mut net = Net::new(1).unwrap();
    let mut parrot = Parrot { heard: Vec::new(), wanted: 1 };
    net.open(0, bare_epoll::start()).unwrap();
    let long = vec![b'x'; 3 * READ_BYTES + 7];
    net.say(0, |out| out.extend_from_slice(&[&long, b"\n".as_slice()].concat()));
    while parrot.heard.is_empty() {
        net.turn(Duration::from_secs(5), &mut parrot).unwrap();
    }
    assert_eq!(parrot.heard, [(0, long)]);
}

#[test]
fn polling_waits_for_nothing() {
    let mut net = Net::new(0).unwrap();
    net.set_waiting(Waiting::Poll);
    let start = Instant::now();
    net.turn(Duration::from_secs(60), &mut Parrot { heard: Vec::new(), wanted: 0 }).unwrap();
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_server_that_hangs_up_is_an_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut net = Net::new(1).unwrap();
    net.open(0, listener.local_addr().unwrap()).unwrap();
    drop(listener.accept().unwrap());
    let mut parrot = Parrot { heard: Vec::new(), wanted: 1 };
    let error = loop {
        if let Err(error) = net.turn(Duration::from_secs(5), &mut parrot) {
            break error;
        }
    };
    assert!(error.to_string().contains("client 0 to 127.0.0.1"), "{error}");
}
