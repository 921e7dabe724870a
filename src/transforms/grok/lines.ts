/** Patterns of whole lines, by the names that grok has for them. Their fields are those of the Elastic Common Schema. */
const CLASS = 'java.log.origin.class.name';

export const LINE_PATTERNS: Readonly<Record<string, string>> = {
  HTTPDUSER: '(?:%{EMAILADDRESS}|%{USER})',
  HTTPD_COMMONLOG:
    '%{IPORHOST:source.address} (?:-|%{HTTPDUSER:apache.access.user.identity}) (?:-|%{HTTPDUSER:user.name}) \\[%{HTTPDATE:timestamp}\\] ' +
    '"(?:%{WORD:http.request.method} %{NOTSPACE:url.original}(?: HTTP/%{NUMBER:http.version})?|%{DATA})" ' +
    '(?:-|%{INT:http.response.status_code:int}) (?:-|%{INT:http.response.body.bytes:int})',
  HTTPD_COMBINEDLOG: '%{HTTPD_COMMONLOG} "(?:-|%{DATA:http.request.referrer})" "(?:-|%{DATA:user_agent.original})"',
  COMMONAPACHELOG: '%{HTTPD_COMMONLOG}',
  COMBINEDAPACHELOG: '%{HTTPD_COMBINEDLOG}',
  HTTPD20_ERRORLOG:
    '\\[%{HTTPDERROR_DATE:timestamp}\\] \\[%{LOGLEVEL:log.level}\\] (?:\\[client %{IPORHOST:source.address}\\] )?%{GREEDYDATA:message}',
  HTTPD24_ERRORLOG:
    '\\[%{HTTPDERROR_DATE:timestamp}\\] \\[(?:%{WORD:apache.error.module})?:%{LOGLEVEL:log.level}\\] ' +
    '\\[pid %{POSINT:process.pid:int}(?::tid %{INT:process.thread.id:int})?\\]' +
    '(?: \\(%{POSINT:apache.error.proxy.error.code}\\)%{DATA:apache.error.proxy.error.message}:)?' +
    '(?: \\[client %{IPORHOST:source.address}(?::%{POSINT:source.port:int})?\\])?(?: %{WORD:error.code}:)? %{GREEDYDATA:message}',
  HTTPD_ERRORLOG: '(?:%{HTTPD20_ERRORLOG}|%{HTTPD24_ERRORLOG})',

  PROG: '[\\x21-\\x5a\\x5c\\x5e-\\x7e]+',
  SYSLOGPROG: '%{PROG:process.name}(?:\\[%{POSINT:process.pid:int}\\])?',
  SYSLOGHOST: '%{IPORHOST}',
  SYSLOGFACILITY: '<%{NONNEGINT:log.syslog.facility.code:int}\\.%{NONNEGINT:log.syslog.priority:int}>',
  SYSLOGBASE: '%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:log.syslog.hostname} %{SYSLOGPROG}:',
  SYSLOGBASE2:
    '(?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp})(?: %{SYSLOGFACILITY})?(?: %{SYSLOGHOST:log.syslog.hostname})?(?: %{SYSLOGPROG}:)?',
  SYSLOGLINE: '(?:%{SYSLOG5424PRI})?%{SYSLOGBASE2} +%{GREEDYDATA:message}',
  SYSLOGPAMSESSION:
    '%{SYSLOGBASE} %{WORD:system.auth.pam.module}\\(%{DATA:system.auth.pam.origin}\\): session %{WORD:system.auth.pam.session_state} ' +
    'for user %{USERNAME:user.name}(?: by %{GREEDYDATA})?',
  CRON_ACTION: '[A-Z ]+',
  CRONLOG: '%{SYSLOGBASE} \\(%{USER:user.name}\\) %{CRON_ACTION:system.cron.action} \\(%{DATA:message}\\)',
  SYSLOG5424PRINTASCII: '[!-~]+',
  SYSLOG5424PRI: '<%{NONNEGINT:log.syslog.priority:int}>',
  SYSLOG5424SD: '(?:\\[[^\\]]*\\])+',
  SYSLOG5424BASE:
    '%{SYSLOG5424PRI}%{NONNEGINT:log.syslog.version} +(?:-|%{TIMESTAMP_ISO8601:timestamp}) +(?:-|%{IPORHOST:log.syslog.hostname}) ' +
    '+(?:-|%{SYSLOG5424PRINTASCII:process.name}) +(?:-|%{POSINT:process.pid:int}) +(?:-|%{SYSLOG5424PRINTASCII:event.code}) ' +
    '+(?:-|%{SYSLOG5424SD:log.syslog.structured_data})?',
  SYSLOG5424LINE: '%{SYSLOG5424BASE} +%{GREEDYDATA:message}',

  JAVACLASS: '(?:[A-Za-z$_][\\w$]*\\.)*[A-Za-z$_][\\w$]*',
  JAVAFILE: '[\\w$. -]+',
  JAVAMETHOD: '(?:<(?:cl)?init>|[A-Za-z$_][\\w$]*)',
  JAVATHREAD: '[\\w$.-]+(?: [\\w$.-]+)*',
  JAVALOGMESSAGE: '.*',
  JAVASTACKTRACEPART: `%{SPACE}at %{JAVACLASS:${CLASS}}\\.%{JAVAMETHOD:log.origin.function}\\(%{JAVAFILE:log.origin.file.name}(?::%{INT:log.origin.file.line:int})?\\)`,
  CATALINA7_LOG: `%{CATALINA7_DATESTAMP:timestamp} %{JAVACLASS:${CLASS}}(?: %{JAVAMETHOD:log.origin.function})?\\s*(?:%{LOGLEVEL:log.level}:)? %{JAVALOGMESSAGE:message}`,
  CATALINA8_LOG: `%{CATALINA8_DATESTAMP:timestamp} %{LOGLEVEL:log.level} \\[%{DATA:java.log.origin.thread.name}\\] %{JAVACLASS:${CLASS}}\\.%{JAVAMETHOD:log.origin.function} %{JAVALOGMESSAGE:message}`,
  CATALINALOG: '(?:%{CATALINA8_LOG}|%{CATALINA7_LOG})',
  TOMCAT7_LOG: '%{CATALINA7_LOG}',
  TOMCAT8_LOG: '%{CATALINA8_LOG}',
  TOMCATLEGACY_LOG: `%{TOMCATLEGACY_DATESTAMP:timestamp} \\| %{LOGLEVEL:log.level} \\| %{JAVACLASS:${CLASS}} - %{JAVALOGMESSAGE:message}`,
  TOMCATLOG: '(?:%{TOMCAT8_LOG}|%{TOMCAT7_LOG}|%{TOMCATLEGACY_LOG})',

  REDISLOG:
    '(?:\\[%{POSINT:process.pid:int}\\]|%{POSINT:process.pid:int}:[A-Z]) %{REDISTIMESTAMP:timestamp} [.*#-] %{GREEDYDATA:message}',
  REDISMONLOG:
    '%{NUMBER:timestamp} \\[%{INT:redis.database.id} %{IP:client.address}:%{POSINT:client.port:int}\\] "%{WORD:redis.command.name}"\\s*%{GREEDYDATA:redis.command.args}',
  POSTGRESQL:
    '%{DATESTAMP:timestamp} %{TZ:event.timezone} %{DATA:user.name} %{GREEDYDATA:postgresql.log.connection_id} %{POSINT:process.pid:int}',
  MONGO3_SEVERITY: '\\w',
  MONGO3_COMPONENT: '\\w+',
  MONGO3_LOG:
    '%{TIMESTAMP_ISO8601:timestamp} %{MONGO3_SEVERITY:log.level} +(?:-|%{MONGO3_COMPONENT:mongodb.component}) +(?:\\[%{DATA:mongodb.context}\\])? %{GREEDYDATA:message}',
  RUBY_LOGLEVEL: '(?:DEBUG|FATAL|ERROR|WARN|INFO)',
  RUBY_LOGGER:
    '[DFEWI], \\[%{TIMESTAMP_ISO8601:timestamp} *#%{POSINT:process.pid:int}\\] *%{RUBY_LOGLEVEL:log.level} -- +%{DATA:process.name}: %{GREEDYDATA:message}',
  SQUID3:
    '%{NUMBER:timestamp} +%{NUMBER:squid.request.duration:int} %{IP:source.ip} %{WORD:event.action}/%{INT:http.response.status_code:int} ' +
    '%{INT:http.response.bytes:int} %{WORD:http.request.method} %{NOTSPACE:url.original} (?:-|%{NOTSPACE:user.name}) ' +
    '%{WORD:squid.hierarchy_code}/(?:-|%{IPORHOST:destination.address}) (?:-|%{NOTSPACE:http.response.mime_type})',

  HAPROXYCAPTUREDREQUESTHEADERS: '%{DATA:haproxy.http.request.captured_headers}',
  HAPROXYCAPTUREDRESPONSEHEADERS: '%{DATA:haproxy.http.response.captured_headers}',
  HAPROXYHTTPBASE:
    '%{IP:source.address}:%{INT:source.port:int} \\[%{HAPROXYDATE:haproxy.request_date}\\] %{NOTSPACE:haproxy.frontend_name} ' +
    '%{NOTSPACE:haproxy.backend_name}/(?:<NOSRV>|%{NOTSPACE:haproxy.server_name}) %{INT:haproxy.http.request.time_wait_ms:int}/' +
    '%{INT:haproxy.total_waiting_time_ms:int}/%{INT:haproxy.connection_wait_time_ms:int}/' +
    '%{INT:haproxy.http.request.time_wait_without_data_ms:int}/\\+?%{INT:haproxy.total_time_ms:int} %{INT:http.response.status_code:int} ' +
    '\\+?%{INT:source.bytes:int} (?:-|%{NOTSPACE:haproxy.http.request.captured_cookie}) (?:-|%{NOTSPACE:haproxy.http.response.captured_cookie}) ' +
    '%{NOTSPACE:haproxy.termination_state} %{INT:haproxy.connections.active:int}/%{INT:haproxy.connections.frontend:int}/' +
    '%{INT:haproxy.connections.backend:int}/%{INT:haproxy.connections.server:int}/\\+?%{INT:haproxy.connections.retries:int} ' +
    '%{INT:haproxy.server_queue:int}/%{INT:haproxy.backend_queue:int} (?:\\{%{HAPROXYCAPTUREDREQUESTHEADERS}\\} )?' +
    '(?:\\{%{HAPROXYCAPTUREDRESPONSEHEADERS}\\} )?"(?:<BADREQ>|%{WORD:http.request.method} %{NOTSPACE:url.original}(?: HTTP/%{NUMBER:http.version}")?)?"?',
  HAPROXYHTTP:
    '(?:%{SYSLOGTIMESTAMP:timestamp}|%{TIMESTAMP_ISO8601:timestamp}) %{IPORHOST:log.syslog.hostname} %{SYSLOGPROG}: %{HAPROXYHTTPBASE}',
};
