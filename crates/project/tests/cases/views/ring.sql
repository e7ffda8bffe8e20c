SELECT a.id, COUNT(*) AS n FROM one a JOIN "a-two" b ON a.id = b.id GROUP BY a.id
