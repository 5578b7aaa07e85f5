-- The sender's queue, in the order in which it is worked on, and what one person's packets are: with a hundred thousand
-- awards waiting, claiming must not look at all of them. Final packets have the largest moment and lie behind it.
create index packet_next on packet (next_at, created_at, bill_no);
create index packet_by_openid on packet (openid);
create index award_waiting on award (attempts, state);
