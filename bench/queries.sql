-- The twenty-two statements of BenchmarkRows, over public registers without
-- personal information (package bench/registers). The list stands still: speed is
-- tuned against it, it is not chosen for speed.
--
-- Each statement has a name, a class and what it stresses. Classes:
--   full       reads more than half of the rows of a big register
--   selective  reads few rows, which the order of the register puts together
--   topn       orders all rows and keeps the first

-- scan-aggregate | full | plain scan of five columns, one group, nulls counted
SELECT count(*) AS n, sum(vehicles) AS vehicles, avg(speed) AS speed, min(moment) AS first, max(moment) AS last, count(trucks) AS counted
FROM crossings;

-- filter-half | full | filter that half of the rows pass, on doubles with nulls
SELECT count(*) AS n, sum(vehicles) AS vehicles
FROM crossings WHERE speed > 60;

-- filter-one-percent | full | filter that one row in a hundred passes, spread over the whole register
SELECT count(*) AS n, sum(toll) AS toll, avg(speed) AS speed
FROM crossings WHERE vehicles >= 119;

-- group-few | full | group by a short text and a boolean: eight groups
SELECT direction, congested, count(*) AS n, sum(vehicles) AS vehicles, avg(speed) AS speed
FROM crossings GROUP BY direction, congested;

-- group-codes | full | group by a text of six values, some longer than twelve bytes
SELECT quality, count(*) AS n, avg(pm25) AS pm25, avg(o3) AS o3, count(no2) AS measured
FROM air WHERE valid GROUP BY quality;

-- group-sites | full | group by a text of two thousand values, skewed
SELECT site, count(*) AS n, sum(vehicles) AS vehicles, max(speed) AS fastest
FROM crossings GROUP BY site;

-- group-many | full | group by text and date: more than half a million groups, grouped again
SELECT count(*) AS groups, max(vehicles) AS busiest, avg(passages) AS passages
FROM (SELECT site, day, sum(vehicles) AS vehicles, count(*) AS passages FROM crossings GROUP BY site, day) AS daily;

-- decimals | full | sums and averages of decimals by a small whole number
SELECT lane, sum(toll) AS toll, avg(toll) AS average, min(toll) AS least, max(toll) AS most
FROM crossings WHERE toll > 1.50 GROUP BY lane;

-- dates | full | truncation and parts of timestamps
SELECT date_trunc('month', moment) AS month, date_part('hour', moment) AS hour, count(*) AS n, sum(vehicles) AS vehicles
FROM crossings GROUP BY date_trunc('month', moment), date_part('hour', moment);

-- like | full | pattern over a text column, and inequality over another
SELECT count(*) AS n, avg(o3) AS o3
FROM air WHERE station LIKE 'AQ%7_' AND quality <> '优';

-- case-buckets | full | conditional values as group and as argument
SELECT CASE WHEN speed < 30 THEN 'slow' WHEN speed < 80 THEN 'usual' WHEN speed >= 80 THEN 'fast' ELSE 'unknown' END AS pace,
       count(*) AS n, sum(CASE WHEN congested THEN vehicles ELSE 0 END) AS jammed
FROM crossings
GROUP BY CASE WHEN speed < 30 THEN 'slow' WHEN speed < 80 THEN 'usual' WHEN speed >= 80 THEN 'fast' ELSE 'unknown' END;

-- join-small | full | big register with a small one on text
SELECT s.district, count(*) AS n, sum(c.vehicles) AS vehicles, avg(c.speed) AS speed
FROM crossings c JOIN sites s ON c.site = s.site
GROUP BY s.district;

-- join-star | full | two outer joins in a row, missing partners, a HAVING
SELECT d.title, s.urban, count(*) AS n, avg(c.toll) AS toll
FROM crossings c LEFT JOIN sites s ON c.site = s.site LEFT JOIN districts d ON s.district = d.district
WHERE c.lane <= 6
GROUP BY d.title, s.urban HAVING count(*) > 10;

-- join-big | full | two big registers on a number, in different order
SELECT c.direction, count(*) AS n, sum(p.fee) AS fee, avg(p.minutes) AS minutes
FROM parking p JOIN crossings c ON p.passage = c.passage
GROUP BY c.direction;

-- self-join | full | a grouped register joined with itself on text and date, used twice through WITH
WITH daily AS (SELECT site, day, sum(vehicles) AS vehicles FROM crossings GROUP BY site, day)
SELECT count(*) AS pairs, avg(b.vehicles - a.vehicles) AS change
FROM daily a JOIN daily b ON a.site = b.site AND a.day + 1 = b.day;

-- count-distinct | full | distinct texts and distinct decimals by group
SELECT lane, count(DISTINCT site) AS sites, count(DISTINCT toll) AS tolls
FROM crossings GROUP BY lane;

-- distinct | full | distinct combinations, some sixty thousand rows of answer
SELECT DISTINCT site, direction, lane
FROM crossings;

-- sort | full | nearly fifty thousand groups in order, all of them in the answer
SELECT site, date_part('hour', moment) AS hour, count(*) AS n, avg(speed) AS speed
FROM crossings GROUP BY site, date_part('hour', moment)
ORDER BY n DESC, site, hour;

-- point | selective | one row by the number the register is ordered by
SELECT moment, site, lane, vehicles, speed, toll
FROM crossings WHERE passage = 1042424;

-- window | selective | three and a half days of a year, by the time the register is ordered by
SELECT site, count(*) AS n, sum(vehicles) AS vehicles
FROM crossings WHERE moment >= TIMESTAMP '2025-06-01 00:00:00' AND moment < TIMESTAMP '2025-06-04 12:00:00'
GROUP BY site;

-- top-value | topn | the hundred fastest of all rows, by a column in no order
SELECT passage, site, speed
FROM crossings ORDER BY speed DESC NULLS LAST, passage LIMIT 100;

-- top-latest | topn | the twenty newest rows, by the column the register is ordered by
SELECT station, moment, pm25, quality
FROM air ORDER BY moment DESC, station LIMIT 20;
