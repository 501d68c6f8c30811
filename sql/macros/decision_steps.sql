-- about: Decisions with the rules that they follow from, in the order of evaluation, each with file and line.
SELECT
  d.run, d.node, d.protocol, d.dst_ip, d.dst_port, d.source, d.service, d.endpoint_ip, d.endpoint_port, d.probability,
  d.verdict, d.certain, d.trace_id, s.step, s.table_name, s.chain AS step_chain, s.file, s.line_number, s.text
FROM decisions AS d
INNER JOIN trace_steps AS s ON s.run = d.run AND s.trace_id = d.trace_id
