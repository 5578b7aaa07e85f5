-- The code that a winner shows is looked up at the desk while others wait.
create index seat_by_claim on seat (meeting_id, claim_code);
