-- Who is in the hall: by the changing code on the screen, or by hand.
alter table binding add column checked_in_at bigint;               -- null: not seen there
alter table binding add column checked_in_by text not null default '';  -- user of staff; empty: by the screen's code
