//! nginx and HAProxy as they are.

use std::net::SocketAddr;

use testbed::{HaProxy, Nginx};

use super::{address, behind_proxy, is_served, line};
use crate::support::{Client, DEADLINE, TestServer, unique_name, wait_until};

/// A client of the proxy that, in the way that proxies are stacked, is said to be at `from`.
fn through(proxy: SocketAddr, server: &TestServer, from: &str) -> Client {
    let mut client = Client::connect(proxy, &server.log_path());
    client.send_bytes(&line(address(from)));
    client
}

/// Whether the limit of one connection for each address holds through `proxy`.
fn check_limits(proxy: SocketAddr, server: &TestServer, other_client: &str) {
    let mut first = through(proxy, server, "203.0.113.1");
    let account = first.register(&unique_name("behind"));
    assert!(!is_served(&mut through(proxy, server, "203.0.113.1")));
    let mut second = through(proxy, server, other_client);
    let other = second.register(&unique_name("behind"));
    first.fence_by_login(&account.login_ack());
    second.fence_by_login(&other.login_ack());
    first.say(other.id, "through the proxy");
    assert_eq!(second.acknowledged_pushes(1)[0]["msg"], "through the proxy");
    drop(first);
    wait_until("there is room again", DEADLINE, || {
        is_served(&mut through(proxy, server, "203.0.113.1"))
    });
}

#[test]
fn nginx_with_version_1() {
    let server = TestServer::start(behind_proxy().flag("--connections-per-address", 1));
    let backend = server.address();
    let proxy = Nginx::start(|port| {
        format!(
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;
             pid nginx.pid;
             events {{ worker_connections 256; }}
             stream {{
                 server {{
                     listen 127.0.0.1:{port} proxy_protocol;
                     set_real_ip_from 127.0.0.1;
                     proxy_pass {backend};
                     proxy_protocol on;
                 }}
             }}\n"
        )
    });
    // nginx would write a header of two families for an IPv6 client of an IPv4 socket.
    check_limits(proxy.address(), &server, "203.0.113.2");
}

#[test]
fn haproxy_with_version_2_and_its_checks() {
    let server = TestServer::start(behind_proxy().flag("--connections-per-address", 1));
    let backend = server.address();
    let proxy = HaProxy::start(|port| {
        format!(
            "global
                 stats socket unix@socket level admin
             defaults
                 mode tcp
                 timeout connect 5s
                 timeout client 60s
                 timeout server 60s
             frontend clients
                 bind 127.0.0.1:{port} accept-proxy
                 default_backend chat
             backend chat
                 option tcp-check
                 tcp-check send {ping}\\n
                 tcp-check expect string 1013
                 server node {backend} send-proxy-v2 check inter 100ms fall 1 rise 1\n",
            ping = r#"{\"msgid\":1012}"#,
        )
    });
    // A check is a LOCAL header and a ping, which is answered.
    wait_until("a check succeeds", DEADLINE, || {
        let stat = proxy.ask("show stat");
        stat.lines().any(|row| row.starts_with("chat,node,") && row.contains("L7OK"))
    });
    check_limits(proxy.address(), &server, "2001:db8::1");
}

#[test]
fn the_configuration_for_nginx_that_comes_with_the_server() {
    let server = TestServer::start(behind_proxy().environment("RUST_LOG", "debug"));
    let proxy = Nginx::of_the_project(&[server.address()]);
    let mut client = Client::connect(proxy.address(), &server.log_path());
    let account = client.register(&unique_name("behind"));
    client.fence_by_login(&account.login_ack());
    assert_eq!(client.chat_with_oneself(), "it works");
    drop(client);
    // nginx announced it; a connection without a header would not have been served.
    wait_until("it is noticed", DEADLINE, || server.log().contains("client at 127.0.0.1"));
}
