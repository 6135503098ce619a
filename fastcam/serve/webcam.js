// Pictures of this computer's camera, each taken when the page is ready for it.

const REASONS = {
  NotAllowedError: "The browser doesn't allow this page to use a camera.",
  NotFoundError: "This computer has no camera.",
  NotReadableError: "The camera is in use by another program.",
};

// Return an object with `shoot`, which returns a JPEG file, and `close`. Errors have a message for people.
export async function openCamera() {
  if (!navigator.mediaDevices) throw new Error("This browser offers no camera to the page.");
  const wanted = { video: { width: { ideal: 1280 }, height: { ideal: 720 } } };
  const stream = await navigator.mediaDevices.getUserMedia(wanted).catch((error) => {
    throw new Error(REASONS[error.name] ?? `The camera can't be used: ${error.message}`);
  });
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  video.srcObject = stream;
  await video.play();
  return { shoot: () => shoot(video), close: () => stream.getTracks().forEach((track) => track.stop()) };
}

async function shoot(video) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  return new File([blob], "webcam.jpg", { type: "image/jpeg" });
}
