//! The store on a database server, against a real one.

mod contract;
