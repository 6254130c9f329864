//! Deposits a second through a store's `commit`: to one recipient, and scattered over many.
//! Registers users and leaves rows behind; not for a database that is in use.

#![allow(clippy::print_stdout, reason = "a program that prints a table")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use chatproto::{ChatObject, UserId};
use chatservice::message::{Audience, Message, Sid};
use chatservice::storage::mysql::{MySqlStore, Sharing, Target};
use chatservice::storage::sqlite::SqliteStore;
use chatservice::storage::{Outcome, PageLimit, RowId, Store, StoreLimits, Write};
use clap::Parser;

#[derive(Parser)]
struct Args {
    /// mysql://user:password@host:port/database, empty
    #[arg(long)]
    mysql: Option<Target>,
    /// Folder of an embedded store, when no database server is given
    #[arg(long, default_value = "deposit-bench-data")]
    data: PathBuf,
    /// Deposits in one commit
    #[arg(long, default_value_t = 500)]
    batch: usize,
    /// Commits of each kind
    #[arg(long, default_value_t = 100)]
    commits: usize,
    /// Recipients that deposits are scattered over
    #[arg(long, default_value_t = 10_000)]
    users: i64,
}

const LIMITS: StoreLimits =
    StoreLimits { friends_max: 1000, groups_max: 1000, members_max: 1000, rows_max: 10_000_000 };

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let store: Box<dyn Store> = match &args.mysql {
        Some(target) => Box::new(MySqlStore::open(target, LIMITS, Sharing::Exclusive)?),
        None => Box::new(SqliteStore::open(&args.data, LIMITS)?),
    };
    let run = u128::from(fastrand::u32(..));
    let first = register(&*store, args.users, run)?;
    let one = measure(&*store, &args, run << 40, |_| UserId(first))?;
    let scattered = measure(&*store, &args, run << 40 | 1 << 32, |_| {
        UserId(first + fastrand::i64(0..args.users))
    })?;
    println!("deposits a second, {} in a commit", args.batch);
    println!("  to one recipient {one:>9.0}");
    println!("  scattered        {scattered:>9.0}");
    let since = Instant::now();
    let rows = store.rows(UserId(first), RowId::default(), PageLimit::rows(args.batch))?;
    let rows = rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let count = rows.len();
    store.commit(&[Write::Remove { recipient: UserId(first), rows }])?;
    println!("  one page of {count} rows read and removed in {:?}", since.elapsed());
    Ok(())
}

fn register(store: &dyn Store, users: i64, run: u128) -> Result<i64, Box<dyn Error>> {
    let register = |n| Write::Register { name: format!("bench {run} {n}"), password: "x".into() };
    let outcomes = store.commit(&(0..users).map(register).collect::<Vec<_>>())?;
    match outcomes.first() {
        Some(Outcome::Registered(UserId(first))) => Ok(*first),
        other => Err(format!("registering was answered with {other:?}").into()),
    }
}

fn measure(
    store: &dyn Store,
    args: &Args,
    sids: u128,
    recipient: impl Fn(usize) -> UserId,
) -> Result<f64, Box<dyn Error>> {
    let deposit = |n: usize| {
        let to = recipient(n);
        let object =
            ChatObject::direct(to, "bench", to, "a message of usual length", "2026-01-02 03:04:05");
        let sid = Sid(sids | n as u128);
        let mid = sid.to_string().into();
        let message = Message { sid, sender: to, mid, audience: Audience::One, object };
        Write::Deposit { recipient: to, messages: vec![Arc::new(message)] }
    };
    let batches: Vec<Vec<Write>> = (0..args.commits)
        .map(|at| (0..args.batch).map(|n| deposit(at * args.batch + n)).collect())
        .collect();
    let since = Instant::now();
    for batch in &batches {
        for outcome in store.commit(batch)? {
            if !matches!(outcome, Outcome::Deposited(_)) {
                return Err(format!("a deposit was answered with {outcome:?}").into());
            }
        }
    }
    Ok((args.batch * args.commits) as f64 / since.elapsed().as_secs_f64())
}
