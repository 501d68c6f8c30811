-- about: An IPv4 or IPv6 address as a number, to sort and compare by; NULL for any other text.
-- parameters: ip
CASE
  WHEN regexp_full_match(ip, '\d{1,3}(\.\d{1,3}){3}') THEN list_reduce(
    list_transform(string_split(ip, '.'), lambda part: CAST(part AS UHUGEINT)), lambda sum, part: sum * 256 + part
  )
  WHEN regexp_full_match(ip, '[0-9a-fA-F:]*:[0-9a-fA-F:]*') THEN list_reduce(
    list_transform(
      string_split(
        CASE
          WHEN contains(ip, '::') THEN trim(replace(ip, '::', concat(
            ':', repeat('0:', CAST(9 - len(string_split(trim(replace(ip, '::', ':x:'), ':'), ':')) AS INTEGER))
          )), ':')
          ELSE ip
        END, ':'
      ),
      lambda part: CAST(concat('0x', part) AS UHUGEINT)
    ),
    lambda sum, part: sum * 65536 + part
  )
END
