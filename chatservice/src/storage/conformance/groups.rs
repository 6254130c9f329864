//! Groups, their members, and the lists in a profile.

use chatproto::{GroupId, UserId};

use super::{AWKWARD, Make, NOBODY, WIDE, commit, create_group, join, register};
use crate::storage::{Group, Outcome, Role, Store, StoreLimits, Write};

pub(super) fn run(make: Make<'_>) {
    a_group_starts_with_its_creator(&*make(WIDE));
    members_are_ascending_and_once(&*make(WIDE));
    roles_stay(&*make(WIDE));
    names_and_descriptions_are_kept_byte_for_byte(&*make(WIDE));
    a_taken_name_is_refused_and_changes_nothing(&*make(WIDE));
    what_does_not_exist_is_refused(&*make(WIDE));
    the_groups_of_a_user_are_limited(&*make(StoreLimits { groups_max: 2, ..WIDE }));
    the_members_of_a_group_are_limited(&*make(StoreLimits { members_max: 2, ..WIDE }));
    no_group_fits_without_members(&*make(StoreLimits { members_max: 0, ..WIDE }));
    a_profile_lists_groups_ascending(&*make(WIDE));
    the_member_budget_ends_the_lists(&*make(WIDE));
}

fn groups(store: &dyn Store, user: UserId) -> Vec<Group> {
    store.profile(user, usize::MAX).expect("the store works").groups
}

fn members(store: &dyn Store, group: GroupId) -> Vec<UserId> {
    store.members(group).expect("the store works").expect("the group exists")
}

fn a_group_starts_with_its_creator(store: &dyn Store) {
    let (_, bob) = (register(store, "ann"), register(store, "bob"));
    assert_eq!(create_group(store, bob, "chess"), GroupId(1));
    assert_eq!(create_group(store, bob, "go"), GroupId(2));
    assert_eq!(members(store, GroupId(1)), [bob]);
    let listed = groups(store, bob);
    assert_eq!((listed[0].name.as_str(), listed[0].description.as_str()), ("chess", "about chess"));
    assert_eq!(listed[0].members[0].1, Role::Creator);
    assert_eq!(listed[0].members[0].0.name, "bob");
}

fn members_are_ascending_and_once(store: &dyn Store) {
    let [ann, bob, cid, dan] = ["ann", "bob", "cid", "dan"].map(|name| register(store, name));
    let (group, other) = (create_group(store, cid, "chess"), create_group(store, ann, "go"));
    for user in [dan, ann, dan, bob, cid] {
        assert_eq!(join(store, user, group), Outcome::Done);
    }
    assert_eq!(members(store, group), [ann, bob, cid, dan]);
    assert_eq!(members(store, other), [ann]);
    assert!(groups(store, dan).iter().all(|listed| listed.id == group));
}

fn roles_stay(store: &dyn Store) {
    let (ann, bob) = (register(store, "ann"), register(store, "bob"));
    let group = create_group(store, bob, "chess");
    join(store, bob, group);
    join(store, ann, group);
    let roles: Vec<_> = groups(store, ann)[0].members.iter().map(|(who, r)| (who.id, *r)).collect();
    assert_eq!(roles, [(ann, Role::Normal), (bob, Role::Creator)]);
}

fn names_and_descriptions_are_kept_byte_for_byte(store: &dyn Store) {
    let ann = register(store, "ann");
    for &name in AWKWARD {
        let description = format!("{name}{name}");
        let create = Write::CreateGroup { creator: ann, name: name.into(), description };
        assert!(matches!(commit(store, create), Outcome::GroupCreated(_)), "{name:?}");
    }
    let listed = groups(store, ann);
    assert_eq!(listed.len(), AWKWARD.len());
    for (group, &name) in listed.iter().zip(AWKWARD) {
        assert_eq!(group.name, name);
        assert_eq!(group.description, format!("{name}{name}"));
    }
}

fn a_taken_name_is_refused_and_changes_nothing(store: &dyn Store) {
    let (ann, bob) = (register(store, "ann"), register(store, "bob"));
    let group = create_group(store, ann, "chess");
    let again = Write::CreateGroup { creator: bob, name: "chess".into(), description: "x".into() };
    assert_eq!(commit(store, again), Outcome::NameTaken);
    assert_eq!(groups(store, bob), []);
    assert_eq!(groups(store, ann)[0].description, "about chess");
    assert_eq!(create_group(store, bob, "Chess"), GroupId(group.0 + 1));
    assert!(create_group(store, bob, "chess ") > group);
}

fn what_does_not_exist_is_refused(store: &dyn Store) {
    let ann = register(store, "ann");
    for group in [GroupId(1), GroupId(0), GroupId(-1), GroupId(i64::MAX)] {
        assert_eq!(store.members(group), Ok(None));
        assert_eq!(join(store, ann, group), Outcome::NoSuchGroup);
    }
    let group = create_group(store, ann, "chess");
    assert_eq!(join(store, NOBODY, group), Outcome::NoSuchUser);
    let create = Write::CreateGroup { creator: NOBODY, name: "go".into(), description: "".into() };
    assert_eq!(commit(store, create), Outcome::NoSuchUser);
    assert_eq!(members(store, group), [ann]);
    assert_eq!(store.members(GroupId(group.0 + 1)), Ok(None));
}

fn the_groups_of_a_user_are_limited(store: &dyn Store) {
    let (ann, bob) = (register(store, "ann"), register(store, "bob"));
    let (chess, go) = (create_group(store, ann, "chess"), create_group(store, bob, "go"));
    assert_eq!(join(store, ann, go), Outcome::Done);
    let third = create_group(store, bob, "bridge");
    assert_eq!(join(store, ann, third), Outcome::LimitReached);
    assert_eq!(join(store, ann, go), Outcome::Done, "who is a member already needs no room");
    let create = |name: &str| Write::CreateGroup {
        creator: ann,
        name: name.into(),
        description: String::new(),
    };
    assert_eq!(commit(store, create("poker")), Outcome::LimitReached);
    assert_eq!(commit(store, create("go")), Outcome::NameTaken);
    assert_eq!(members(store, third), [bob]);
    let listed: Vec<GroupId> = groups(store, ann).iter().map(|group| group.id).collect();
    assert_eq!(listed, [chess, go]);
}

fn the_members_of_a_group_are_limited(store: &dyn Store) {
    let [ann, bob, cid] = ["ann", "bob", "cid"].map(|name| register(store, name));
    let group = create_group(store, ann, "chess");
    assert_eq!(join(store, bob, group), Outcome::Done);
    assert_eq!(join(store, cid, group), Outcome::LimitReached);
    assert_eq!(join(store, bob, group), Outcome::Done, "who is a member already needs no room");
    assert_eq!(members(store, group), [ann, bob]);
    assert_eq!(groups(store, cid), []);
}

fn no_group_fits_without_members(store: &dyn Store) {
    let creator = register(store, "ann");
    let create = Write::CreateGroup { creator, name: "go".into(), description: String::new() };
    assert_eq!(commit(store, create), Outcome::LimitReached);
    assert_eq!(store.members(GroupId(1)), Ok(None));
}

fn a_profile_lists_groups_ascending(store: &dyn Store) {
    let (ann, bob) = (register(store, "ann"), register(store, "bob"));
    let created = ["c", "a", "b"].map(|name| create_group(store, ann, name));
    for group in [created[2], created[0], created[1]] {
        join(store, bob, group);
    }
    let listed: Vec<GroupId> = groups(store, bob).iter().map(|group| group.id).collect();
    assert_eq!(listed, created);
}

fn the_member_budget_ends_the_lists(store: &dyn Store) {
    let [ann, bob, cid] = ["ann", "bob", "cid"].map(|name| register(store, name));
    // Sizes 2, 3, 1 in the order of the groups.
    let created = ["two", "three", "one"].map(|name| create_group(store, ann, name));
    for (user, group) in [(bob, created[0]), (bob, created[1]), (cid, created[1])] {
        join(store, user, group);
    }
    let check = |budget, expected: [usize; 3]| {
        let listed = store.profile(ann, budget).expect("the store works").groups;
        let sizes: Vec<usize> = listed.iter().map(|group| group.members.len()).collect();
        assert_eq!(sizes, expected, "with a budget of {budget}");
        assert_eq!(listed[2].name, "one", "groups are listed even without members");
    };
    check(usize::MAX, [2, 3, 1]);
    check(6, [2, 3, 1]);
    check(5, [2, 3, 0]);
    check(4, [2, 0, 0]);
    check(2, [2, 0, 0]);
    check(1, [0, 0, 0]);
    check(0, [0, 0, 0]);
}
