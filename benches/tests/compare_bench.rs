//! The comparison, as briefly as it can be; ejabberd is left out, which needs long to start.

use std::process::Command;
use testbed::build_chat_server;

#[test]
fn each_peer_plays_each_shape() {
    let server = build_chat_server();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_compare-bench"));
    bench.arg("--server").arg(server);
    bench.args(["--rounds", "1", "--seconds", "0.1", "--warm-up", "0.02", "--clients", "40"]);
    bench.args(["--only", "bare-echo,ngircd,nats,mosquitto-qos0,mosquitto-qos1"]);
    bench.args(["--shape", "one-each,pipelined,idle"]);
    let output = bench.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    let table = String::from_utf8(output.stdout).unwrap();
    for shape in ["one in flight", "pipelined"] {
        let servers = [
            "ChatServer",
            "ChatServer, ack",
            "ngircd",
            "nats-server",
            "mosquitto, QoS 0",
            "mosquitto, QoS 1",
        ];
        for server in servers {
            let start = format!("| {shape} | {server} | ");
            let row = table.lines().find(|line| line.starts_with(&start));
            let row = row.unwrap_or_else(|| panic!("no {start}:\n{table}"));
            let rate: f64 = row[start.len()..].split(' ').next().unwrap().parse().expect(row);
            assert!(rate > 0.0, "{row}");
        }
    }
    assert!(table.contains("| one in flight | bare epoll loop | "), "{table}");
    assert_eq!(table.lines().filter(|line| line.contains("is required")).count(), 5, "{table}");
}
