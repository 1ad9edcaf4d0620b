-- By which commit a closed bucket was corrected last, as its data version: who looks for what is new
-- goes on after the version that it knows, whatever clocks say.

ALTER TABLE measures.corrections ADD COLUMN version BIGINT DEFAULT 0;
