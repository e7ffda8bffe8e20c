-- What each customer paid, and on average.
SELECT customer, COUNT(*) AS orders, SUM(amount) AS total, AVG(amount) AS mean
FROM orders
WHERE status = 'paid'
GROUP BY customer
