SELECT region, improvement, COUNT(*) AS total_votes
FROM votes
GROUP BY region, improvement
