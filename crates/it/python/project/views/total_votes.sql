-- One row for each region and improvement that has votes; `total_votes` says how many.
-- A vote that moves to another region moves here too, and a deleted one is taken back.
SELECT region, improvement, COUNT(*) AS total_votes
FROM votes
GROUP BY region, improvement
