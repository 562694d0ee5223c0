-- 一百条常见的统计,按一位分析人员实际提问的次序:先看全貌,再分组,再按月、按病种细看,再复核
-- A hundred usual questions in the order in which an analyst asks them: the whole first, then groups, months and diagnoses, then once more to check

-- 人口全貌 the population
SELECT count(*) AS people FROM persons;
SELECT count(*) AS people, avg(income) AS income FROM persons;
SELECT district, count(*) AS people FROM persons GROUP BY district ORDER BY people DESC;
SELECT district, round(avg(income)) AS income FROM persons GROUP BY district ORDER BY income DESC LIMIT 10;
SELECT sex, count(*) AS people FROM persons GROUP BY sex;
SELECT sex, round(avg(income)) AS income, count(income) AS earning FROM persons GROUP BY sex;
SELECT age, count(*) AS people FROM persons GROUP BY age ORDER BY age;
SELECT age, round(avg(income)) AS income FROM persons GROUP BY age ORDER BY age;
SELECT age, sex, count(*) AS people FROM persons GROUP BY age, sex ORDER BY age, sex;
SELECT district, sex, count(*) AS people FROM persons GROUP BY district, sex ORDER BY district, sex;
SELECT district, age, count(*) AS people FROM persons GROUP BY district, age ORDER BY district, age;
SELECT district, sex, round(avg(income)) AS income FROM persons GROUP BY district, sex;
SELECT left(district, 4) AS city, count(*) AS people FROM persons GROUP BY city ORDER BY people DESC;
SELECT left(district, 2) AS province, count(*) AS people, round(avg(income)) AS income FROM persons GROUP BY province;
SELECT district, sum(income) AS income FROM persons GROUP BY district HAVING sum(income) > 1000000;
SELECT count(*) AS people FROM persons WHERE district = '320102';
SELECT count(*) AS people FROM persons WHERE district IN ('320102', '320104', '320105', '320106');
SELECT age, count(*) AS people FROM persons WHERE district = '320102' GROUP BY age ORDER BY age;
SELECT sex, round(avg(income)) AS income FROM persons WHERE district LIKE '3201%' GROUP BY sex;
SELECT district, count(*) AS people FROM persons WHERE sex = '女' GROUP BY district ORDER BY people DESC LIMIT 5;

-- 门诊全貌 the visits
SELECT count(*) AS visits FROM visits;
SELECT count(*) AS visits, round(avg(cost), 2) AS cost FROM visits;
SELECT sum(cost) AS cost FROM visits;
SELECT department, count(*) AS visits FROM visits GROUP BY department ORDER BY visits DESC;
SELECT department, round(avg(cost), 2) AS cost FROM visits GROUP BY department ORDER BY cost DESC;
SELECT diagnosis, count(*) AS visits FROM visits GROUP BY diagnosis ORDER BY visits DESC LIMIT 10;
SELECT diagnosis, round(avg(cost), 2) AS cost FROM visits GROUP BY diagnosis ORDER BY cost DESC LIMIT 10;
SELECT visit_date AS month, count(*) AS visits FROM visits GROUP BY month ORDER BY month;
SELECT visit_date AS month, sum(cost) AS cost FROM visits GROUP BY month ORDER BY month;
SELECT left(visit_date, 4) AS year, count(*) AS visits, sum(cost) AS cost FROM visits GROUP BY year ORDER BY year;
SELECT district, count(*) AS visits FROM visits GROUP BY district ORDER BY visits DESC;
SELECT district, visit_date AS month, count(*) AS visits FROM visits GROUP BY district, month ORDER BY district, month;
SELECT department, visit_date AS month, count(*) AS visits FROM visits GROUP BY department, month ORDER BY department, month;
SELECT district, department, count(*) AS visits FROM visits GROUP BY district, department;
SELECT district, diagnosis, count(*) AS visits FROM visits GROUP BY district, diagnosis;
SELECT diagnosis, visit_date AS month, count(*) AS visits FROM visits GROUP BY diagnosis, month;
SELECT count(DISTINCT id_number) AS patients FROM visits;
SELECT department, count(DISTINCT id_number) AS patients FROM visits GROUP BY department;
SELECT diagnosis, count(DISTINCT id_number) AS patients, count(*) AS visits FROM visits GROUP BY diagnosis ORDER BY patients DESC;
SELECT district, count(DISTINCT id_number) AS patients FROM visits GROUP BY district;

-- 按月与按病种 by month and by diagnosis
SELECT count(*) AS visits FROM visits WHERE visit_date = '2024-01';
SELECT count(*) AS visits FROM visits WHERE visit_date = '2024-02';
SELECT count(*) AS visits FROM visits WHERE visit_date = '2024-03';
SELECT count(*) AS visits, sum(cost) AS cost FROM visits WHERE visit_date BETWEEN '2024-01' AND '2024-03';
SELECT count(*) AS visits, sum(cost) AS cost FROM visits WHERE visit_date LIKE '2024-%';
SELECT count(*) AS visits, sum(cost) AS cost FROM visits WHERE visit_date LIKE '2023-%';
SELECT department, count(*) AS visits FROM visits WHERE visit_date LIKE '2024-%' GROUP BY department;
SELECT department, count(*) AS visits FROM visits WHERE visit_date LIKE '2023-%' GROUP BY department;
SELECT visit_date AS month, count(*) AS visits FROM visits WHERE diagnosis = 'J06' GROUP BY month ORDER BY month;
SELECT visit_date AS month, count(*) AS visits FROM visits WHERE diagnosis = 'J18' GROUP BY month ORDER BY month;
SELECT district, count(*) AS visits FROM visits WHERE diagnosis = 'I10' GROUP BY district ORDER BY visits DESC;
SELECT district, count(*) AS visits FROM visits WHERE diagnosis = 'E11' GROUP BY district ORDER BY visits DESC;
SELECT count(*) AS visits, round(avg(cost), 2) AS cost FROM visits WHERE diagnosis IN ('C18', 'C34', 'C50');
SELECT diagnosis, count(*) AS visits FROM visits WHERE diagnosis IN ('C18', 'C34', 'C50') GROUP BY diagnosis;
SELECT diagnosis, round(avg(cost), 2) AS cost FROM visits WHERE department = '呼吸内科' GROUP BY diagnosis;
SELECT visit_date AS month, round(avg(cost), 2) AS cost FROM visits WHERE department = '心血管内科' GROUP BY month ORDER BY month;
SELECT district, round(avg(cost), 2) AS cost FROM visits WHERE diagnosis = 'I10' GROUP BY district;
SELECT department, sum(cost) AS cost FROM visits WHERE district = '320102' GROUP BY department ORDER BY cost DESC LIMIT 5;
SELECT department, count(*) AS visits FROM visits WHERE district LIKE '3201%' GROUP BY department;
SELECT department, count(*) AS visits FROM visits WHERE district NOT LIKE '3201%' GROUP BY department;

-- 连接人口 joined with the population
SELECT p.sex, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number GROUP BY p.sex;
SELECT p.age, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number GROUP BY p.age ORDER BY p.age;
SELECT p.age, round(avg(v.cost), 2) AS cost FROM visits v JOIN persons p ON v.id_number = p.id_number GROUP BY p.age ORDER BY p.age;
SELECT p.district, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number GROUP BY p.district ORDER BY visits DESC;
SELECT p.district, count(DISTINCT v.id_number) AS patients FROM visits v JOIN persons p ON v.id_number = p.id_number GROUP BY p.district;
SELECT p.sex, v.department, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number GROUP BY p.sex, v.department;
SELECT p.age, v.diagnosis, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number GROUP BY p.age, v.diagnosis;
SELECT v.diagnosis, round(avg(p.income)) AS income FROM visits v JOIN persons p ON v.id_number = p.id_number GROUP BY v.diagnosis;
SELECT v.department, p.sex, round(avg(v.cost), 2) AS cost FROM visits v JOIN persons p ON v.id_number = p.id_number GROUP BY v.department, p.sex;
SELECT count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE p.age IN ('60-69', '70-79', '80-89');
SELECT v.diagnosis, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE p.age IN ('60-69', '70-79', '80-89') GROUP BY v.diagnosis ORDER BY visits DESC LIMIT 10;
SELECT v.diagnosis, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE p.age IN ('0-9', '10-19') GROUP BY v.diagnosis ORDER BY visits DESC LIMIT 10;
SELECT p.sex, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE v.diagnosis = 'I10' GROUP BY p.sex;
SELECT p.age, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE v.diagnosis = 'E11' GROUP BY p.age ORDER BY p.age;
SELECT p.district, v.district, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE p.district LIKE '3201%' GROUP BY p.district, v.district;
SELECT count(*) AS elsewhere FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE p.district = '320102' AND v.district <> '320102';
SELECT p.sex, sum(v.cost) AS cost FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE v.visit_date LIKE '2024-%' GROUP BY p.sex;
SELECT v.visit_date AS month, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE p.sex = '女' AND v.department = '产科' GROUP BY month ORDER BY month;
SELECT v.department, count(DISTINCT v.id_number) AS patients FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE p.age = '60-69' GROUP BY v.department;
SELECT p.district, v.diagnosis, count(*) AS visits FROM visits v JOIN persons p ON v.id_number = p.id_number WHERE v.diagnosis IN ('I10', 'E11') GROUP BY p.district, v.diagnosis;

-- 较复杂的写法 longer statements
SELECT department, visits, round(100.0 * visits / sum(visits) OVER (), 1) AS share FROM (SELECT department, count(*) AS visits FROM visits GROUP BY department);
WITH monthly AS (SELECT visit_date AS month, count(*) AS visits FROM visits GROUP BY month) SELECT max(visits) AS most, min(visits) AS least, avg(visits) AS mean FROM monthly;
SELECT district, visits FROM (SELECT district, count(*) AS visits FROM visits GROUP BY district) WHERE visits > 100 ORDER BY visits DESC;
SELECT department, count(*) FILTER (WHERE visit_date LIKE '2023-%') AS y2023, count(*) FILTER (WHERE visit_date LIKE '2024-%') AS y2024 FROM visits GROUP BY department;
SELECT department, sum(cost) FILTER (WHERE district LIKE '3201%') AS here, sum(cost) AS total FROM visits GROUP BY department;
SELECT round(avg(n), 2) AS visits_per_patient FROM (SELECT id_number, count(*) AS n FROM visits GROUP BY id_number);
SELECT 'visits' AS what, count(*) AS n FROM visits UNION ALL SELECT 'persons', count(*) FROM persons;
SELECT v.district, v.visits, p.people FROM (SELECT district, count(*) AS visits FROM visits GROUP BY district) v JOIN (SELECT district, count(*) AS people FROM persons GROUP BY district) p ON v.district = p.district;
SELECT district, count(*) AS people FROM persons GROUP BY district HAVING count(*) > (SELECT count(*) / 100 FROM persons);
SELECT left(visit_date, 4) || 'Q' || ceil(CAST(right(visit_date, 2) AS INTEGER) / 3) AS quarter, count(*) AS visits FROM visits GROUP BY quarter ORDER BY quarter;

-- 复核与下月再问 once more, to check and for the next report
SELECT count(*) AS people FROM persons;
SELECT district, count(*) AS people FROM persons GROUP BY district ORDER BY people DESC;
SELECT department, count(*) AS visits FROM visits GROUP BY department ORDER BY visits DESC;
SELECT diagnosis, count(*) AS visits FROM visits GROUP BY diagnosis ORDER BY visits DESC LIMIT 10;
SELECT visit_date AS month, count(*) AS visits FROM visits GROUP BY month ORDER BY month;
SELECT district, count(*) AS people, round(avg(income)) AS income FROM persons GROUP BY district ORDER BY district;
SELECT department, count(*) AS visits, round(avg(cost), 2) AS cost, sum(cost) AS total FROM visits GROUP BY department ORDER BY department;
SELECT diagnosis, count(*) AS visits, round(avg(cost), 2) AS cost FROM visits GROUP BY diagnosis ORDER BY diagnosis;
SELECT age, sex, count(*) AS people, round(avg(income)) AS income FROM persons GROUP BY age, sex ORDER BY age, sex;
SELECT district, department, round(avg(cost), 2) AS cost FROM visits GROUP BY district, department;
