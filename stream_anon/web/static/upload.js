// Sending one file, with how far it is: fetch does not tell.

import { Refused, t } from "./base.js";

/** `start()` sends and gives the job; `abort()` ends it, also before it began. */
export function upload(file, fields, progress) {
  const request = new XMLHttpRequest();
  let isOver = false;
  const start = () =>
    new Promise((done, fail) => {
      if (isOver) return done(null);
      const data = new FormData();
      for (const [name, value] of Object.entries(fields)) data.append(name, value);
      data.append("file", file);
      request.upload.onprogress = (event) => progress(event.loaded / Math.max(1, event.total));
      request.onload = () => {
        const answer = request.response ?? {};
        if (request.status === 201) done(answer);
        else if (request.status === 413) fail(new Refused(413, t("too_large", { name: file.name })));
        else fail(new Refused(request.status, `${file.name}: ${answer.error ?? request.status}`));
      };
      request.onerror = () => fail(new Refused(0, t("offline")));
      request.onabort = () => done(null);
      request.open("POST", "/api/v1/jobs");
      request.responseType = "json";
      request.send(data);
    });
  const abort = () => {
    isOver = true;
    request.abort();
  };
  return { start, abort };
}
