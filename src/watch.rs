//! What is counted, by name: the list behind `/metrics`. Counted where it happens, with the macros of the crate `metrics`;
//! without a recorder (in tests and commands) that costs nothing.
//!
//! Labels have few values each: no id, no name, no address of a person or a meeting.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};

/// Answered HTTP requests, by method, route and status.
pub const HTTP_REQUESTS: &str = "kaijiang_http_requests_total";
/// Time of an HTTP request, by method and route.
pub const HTTP_SECONDS: &str = "kaijiang_http_seconds";
/// Results made, by kind of draw.
pub const DRAWS: &str = "kaijiang_draws_total";
/// Time from the host's command to the committed result.
pub const DRAW_SECONDS: &str = "kaijiang_draw_seconds";
/// Answers of the payer, by outcome (`other` for a code that is not in its table).
pub const PAYER_ANSWERS: &str = "kaijiang_payer_answers_total";
/// Codes sent by SMS, by outcome.
pub const SMS: &str = "kaijiang_sms_total";
/// Open sockets.
pub const SOCKETS: &str = "kaijiang_sockets";
/// Most sockets that this process takes.
pub const SOCKETS_LIMIT: &str = "kaijiang_sockets_limit";
/// Frames given to sockets.
pub const DELIVERIES: &str = "kaijiang_deliveries_total";
/// Time from an event to the last socket of its room that it was given to.
pub const DELIVERY_SECONDS: &str = "kaijiang_delivery_seconds";
/// Sockets closed because their reader was too slow.
pub const SLOW_READERS: &str = "kaijiang_slow_readers_total";
/// Sockets that we closed, by reason: `behind`, `stuck`, `silent`, `policy`.
pub const SOCKETS_CLOSED: &str = "kaijiang_sockets_closed_total";
/// Numbers for show that were left out for sockets that were behind.
pub const PASSING_DROPS: &str = "kaijiang_passing_drops_total";
/// Frames that wait for sockets.
pub const LIVE_WAITING: &str = "kaijiang_live_waiting";
/// Messages to other servers that the bus did not take; they find events in SQL.
pub const BUS_FAILURES: &str = "kaijiang_bus_failures_total";
/// Times that this server may have missed something on the bus and looked at SQL.
pub const RESYNCS: &str = "kaijiang_resyncs_total";
/// Messages to other servers dropped because the bus was too slow; they find events in SQL.
pub const BUS_DROPS: &str = "kaijiang_bus_drops_total";
/// Packets by state.
pub const PACKETS: &str = "kaijiang_packets";
/// Age of the oldest packet that is neither at its end nor before a person.
pub const OLDEST_PACKET: &str = "kaijiang_oldest_packet_seconds";
/// 1 while the sender of packets is paused, by reason.
pub const SENDER_PAUSED: &str = "kaijiang_sender_paused";
/// Time of the smallest question to the database.
pub const SQL_SECONDS: &str = "kaijiang_sql_seconds";
/// Time of the smallest question to the store.
pub const STORE_SECONDS: &str = "kaijiang_store_seconds";
/// 1 while the database (`sql`) or the store (`store`) answers.
pub const UP: &str = "kaijiang_up";
/// How late a timer of the event loop came.
pub const LOOP_LAG: &str = "kaijiang_loop_lag_seconds";
/// Tasks that live in the event loop.
pub const TASKS: &str = "kaijiang_tasks";
/// Resident memory.
pub const MEMORY: &str = "process_resident_memory_bytes";
/// Open files.
pub const FILES: &str = "process_open_fds";
/// When this process began, seconds since 1970.
pub const STARTED: &str = "process_start_time_seconds";
/// Time on a processor.
pub const CPU: &str = "process_cpu_seconds_total";

/// Upper bounds of every histogram, seconds: from a draw in memory to a request that timed out.
pub const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Tells the recorder what each name means.
pub fn describe() {
    let counters = [
        (HTTP_REQUESTS, "Answered HTTP requests, by method, route and status"),
        (DRAWS, "Results made, by kind of draw"),
        (PAYER_ANSWERS, "Answers of the payer, by outcome"),
        (SMS, "Codes sent by SMS, by outcome"),
        (DELIVERIES, "Frames given to sockets"),
        (SLOW_READERS, "Sockets closed because their reader was too slow"),
        (BUS_DROPS, "Messages to other servers dropped because the bus was too slow"),
        (SOCKETS_CLOSED, "Sockets that we closed, by reason"),
        (PASSING_DROPS, "Numbers for show that were left out for sockets that were behind"),
        (BUS_FAILURES, "Messages to other servers that the bus did not take"),
        (RESYNCS, "Times that this server may have missed something on the bus"),
        (CPU, "Time on a processor, seconds"),
    ];
    for (name, words) in counters {
        describe_counter!(name, words);
    }
    // Those without labels stand at nought from the start: of a number that appears with the first event, Prometheus would
    // not see that event.
    for name in [DELIVERIES, SLOW_READERS, PASSING_DROPS, BUS_DROPS, BUS_FAILURES, RESYNCS] {
        counter!(name).increment(0);
    }
    let times = [
        (HTTP_SECONDS, "Time of an HTTP request, by method and route"),
        (DRAW_SECONDS, "Time from the host's command to the committed result"),
        (DELIVERY_SECONDS, "Time from an event to the last socket of its room"),
        (LOOP_LAG, "How late a timer of the event loop came"),
    ];
    for (name, words) in times {
        describe_histogram!(name, Unit::Seconds, words);
    }
    let gauges = [
        (SOCKETS, "Open sockets"),
        (SOCKETS_LIMIT, "Most sockets that this process takes"),
        (PACKETS, "Packets, by state"),
        (OLDEST_PACKET, "Age of the oldest packet that is neither at its end nor before a person, seconds"),
        (SENDER_PAUSED, "1 while the sender of packets is paused, by reason"),
        (SQL_SECONDS, "Time of the smallest question to the database"),
        (STORE_SECONDS, "Time of the smallest question to the store"),
        (UP, "1 while the part answers"),
        (TASKS, "Tasks that live in the event loop"),
        (MEMORY, "Resident memory, bytes"),
        (FILES, "Open files"),
        (STARTED, "When this process began, seconds since 1970"),
        (LIVE_WAITING, "Frames that wait for sockets"),
    ];
    for (name, words) in gauges {
        describe_gauge!(name, words);
    }
}
