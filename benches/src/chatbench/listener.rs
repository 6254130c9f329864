//! Finds the processes that listen at an address of this machine.

use std::fs;
use std::io;
use std::net::SocketAddr;

/// Processes with a listening socket on the port of one of `addresses`, ascending; only loopback
/// addresses count, and only processes whose descriptors this one may see.
pub(super) fn pids_listening(addresses: &[SocketAddr]) -> io::Result<Vec<u32>> {
    let ports: Vec<u16> =
        addresses.iter().filter(|address| address.ip().is_loopback()).map(|it| it.port()).collect();
    if ports.is_empty() {
        return Ok(Vec::new());
    }
    let mut sockets = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        // A machine without IPv6 has no second table.
        let text = fs::read_to_string(table).unwrap_or_default();
        sockets.extend(text.lines().filter_map(|line| listening_inode(line, &ports)));
    }
    let links: Vec<String> = sockets.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok())
            && holds_one_of(pid, &links)
        {
            pids.push(pid);
        }
    }
    pids.sort_unstable();
    Ok(pids)
}

fn holds_one_of(pid: u32, links: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.into_iter().any(|target| links.iter().any(|link| target.as_os_str() == link.as_str()))
}

/// The inode in a line of `/proc/net/tcp`, if its socket listens on one of `ports`.
fn listening_inode(line: &str, ports: &[u16]) -> Option<u64> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_whitespace().skip(1);
    let (_, port) = fields.next()?.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?;
    if state == LISTEN && ports.contains(&port) { inode.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_on_the_ports_count() {
        let line = "   0: 0100007F:1770 00000000:0000 0A 00000000:00000000 00:00000000 00000000  \
                    1000        0 48215 1 0000000000000000 100 0 0 10 0";
        assert_eq!(listening_inode(line, &[80, 6000]), Some(48215));
        assert_eq!(listening_inode(line, &[6001]), None);
        assert_eq!(listening_inode(&line.replace(" 0A ", " 01 "), &[6000]), None);
        assert_eq!(listening_inode("  sl  local_address rem_address   st", &[6000]), None);
    }
}
