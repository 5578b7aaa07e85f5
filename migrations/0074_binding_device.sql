-- A random mark of the browser that a binding came from, handed on by its cookie from one account to the next.
alter table binding add column device text not null default '';
-- Finds what was sent to a number that somebody gives up.
create index sms_send_by_phone on sms_send (meeting_id, phone_index);
