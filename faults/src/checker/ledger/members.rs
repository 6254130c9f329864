//! Who was a member of which group, and since when.

use std::collections::HashMap;

use crate::history::ClientNumber;

/// One membership; nobody leaves.
#[derive(Clone, Copy, Debug)]
struct Member {
    client: ClientNumber,
    /// When it asked to join first.
    joining: u64,
    /// When that was answered.
    joined: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Members {
    groups: HashMap<i64, Vec<Member>>,
}

impl Members {
    pub(super) fn joining(&mut self, group: i64, client: ClientNumber, at: u64) {
        let members = self.groups.entry(group).or_default();
        if !members.iter().any(|member| member.client == client) {
            members.push(Member { client, joining: at, joined: None });
        }
    }

    pub(super) fn joined(&mut self, group: i64, client: ClientNumber, at: u64) {
        self.joining(group, client, at);
        let members = self.groups.entry(group).or_default();
        let member = members.iter_mut().find(|member| member.client == client);
        if let Some(member) = member {
            member.joined.get_or_insert(at);
        }
    }

    /// Whether `client` may have been a member of `group` when a message was taken that was
    /// answered at `answered`.
    pub(super) fn may_get(&self, group: i64, client: ClientNumber, answered: u64) -> bool {
        let mut members = self.groups.get(&group).into_iter().flatten();
        members.any(|member| member.client == client && member.joining <= answered)
    }

    /// Who was a member for sure when a message was sent.
    pub(super) fn must_get(&self, group: i64, sent: u64) -> Vec<ClientNumber> {
        let members = self.groups.get(&group).into_iter().flatten();
        let sure = members.filter(|member| member.joined.is_some_and(|joined| joined <= sent));
        sure.map(|member| member.client).collect()
    }
}
