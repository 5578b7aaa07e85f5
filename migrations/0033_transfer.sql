-- Merchant transfers beside red packets: which of them pays is chosen with the budget and copied to its awards.
alter table budget add column channel text not null default 'red_packet_v2';  -- red_packet_v2 | transfer_v3
alter table award add column channel text not null default 'red_packet_v2';
update packet set channel = 'red_packet_v2' where channel = 'red_packet';
-- What the receiver confirms a transfer with: only for that person, sealed; and until when, ms (0: not known).
alter table packet add column ticket text not null default '';
alter table packet add column confirm_until bigint not null default 0;
-- Callbacks of the payer that were taken: each of them only makes us ask once.
create table transfer_callback (
    id text primary key,
    at bigint not null
);
